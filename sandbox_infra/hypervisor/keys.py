"""Disk keys: private libvirt secrets. Destroying the key is destroying the data."""

from __future__ import annotations

import secrets
from uuid import UUID
from xml.sax.saxutils import escape

import libvirt

from sandbox_infra.hypervisor.connection import Hypervisor, is_missing

KEY_BYTES = 32
"""256 random bits; written as hex, for libvirt takes only text as a passphrase."""


def create_disk_key(hypervisor: Hypervisor, key_id: UUID, description: str) -> None:
    """Make a key that nobody can read back.

    A key that is there already is kept: an interrupted run may have encrypted a disk with it.

    Args:
        hypervisor: Where the key lives.
        key_id: UUID under which disks refer to it.
        description: Whose it is; found by sweeps.
    """
    if exists(hypervisor, key_id):
        return
    secret = hypervisor.raw.secretDefineXML(
        f"<secret ephemeral='no' private='yes'><uuid>{key_id}</uuid>"
        f"<description>{escape(description)}</description></secret>"
    )
    try:
        secret.setValue(secrets.token_hex(KEY_BYTES).encode(), 0)
    except libvirt.libvirtError:
        secret.undefine()
        raise


def exists(hypervisor: Hypervisor, key_id: UUID) -> bool:
    """Whether there is such a key."""
    try:
        hypervisor.raw.secretLookupByUUIDString(str(key_id))
    except libvirt.libvirtError as exc:
        if is_missing(exc):
            return False
        raise
    return True


def delete_disk_key(hypervisor: Hypervisor, key_id: UUID) -> None:
    """Destroy a key; one that is gone already is fine."""
    try:
        hypervisor.raw.secretLookupByUUIDString(str(key_id)).undefine()
    except libvirt.libvirtError as exc:
        if not is_missing(exc):
            raise
