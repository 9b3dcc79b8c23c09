"""Disk keys: private libvirt secrets. Destroying the key is destroying the data."""

from __future__ import annotations

import secrets
from typing import Any, Final
from uuid import UUID
from xml.sax.saxutils import escape

import libvirt

from sandbox_infra.hypervisor.connection import Hypervisor, is_missing

KEY_BYTES = 32
"""256 random bits; written as hex, for libvirt takes only text as a passphrase."""

_UNFINISHED: Final = "unfinished: "


def create_disk_key(hypervisor: Hypervisor, key_id: UUID, description: str) -> None:
    """Make a key that nobody can read back.

    A key that is there already is kept: an interrupted run may have encrypted a disk with it.
    One that a run has left without a value, or with one that no disk can have yet, says so in
    its description and gets a value now.

    Args:
        hypervisor: Where the key lives.
        key_id: UUID under which disks refer to it.
        description: Whose it is; found by sweeps.
    """
    found = _lookup(hypervisor, key_id)
    if found is not None and f"<description>{_UNFINISHED}" not in found.XMLDesc():
        return
    secret = _define(hypervisor, key_id, _UNFINISHED + description)
    try:
        secret.setValue(secrets.token_hex(KEY_BYTES).encode(), 0)
        _define(hypervisor, key_id, description)
    except libvirt.libvirtError:
        secret.undefine()
        raise


def _define(hypervisor: Hypervisor, key_id: UUID, description: str) -> Any:  # noqa: ANN401
    """Define a secret, or describe the one there is anew; its value stays."""
    return hypervisor.raw.secretDefineXML(
        f"<secret ephemeral='no' private='yes'><uuid>{key_id}</uuid>"
        f"<description>{escape(description)}</description></secret>"
    )


def exists(hypervisor: Hypervisor, key_id: UUID) -> bool:
    """Whether there is such a key."""
    return _lookup(hypervisor, key_id) is not None


def _lookup(hypervisor: Hypervisor, key_id: UUID) -> Any:  # noqa: ANN401 - libvirt has no types
    try:
        return hypervisor.raw.secretLookupByUUIDString(str(key_id))
    except libvirt.libvirtError as exc:
        if is_missing(exc):
            return None
        raise


def delete_disk_key(hypervisor: Hypervisor, key_id: UUID) -> None:
    """Destroy a key; one that is gone already is fine."""
    try:
        hypervisor.raw.secretLookupByUUIDString(str(key_id)).undefine()
    except libvirt.libvirtError as exc:
        if not is_missing(exc):
            raise
