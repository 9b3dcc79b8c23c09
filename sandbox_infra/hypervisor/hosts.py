"""The inventory of hypervisors: today the local one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import libvirt

from sandbox_infra.errors import HypervisorError
from sandbox_infra.site import Site

SYSTEM_URI = "qemu:///system"


@dataclass(frozen=True, kw_only=True)
class Host:
    """A hypervisor.

    Attributes:
        name: Its name in the inventory.
        uri: libvirt URI.
        netns: Network namespace of its bridges; ``None`` for the machine's own.
    """

    name: str
    uri: str
    netns: str | None


def local_host(site: Site) -> Host:
    """The local hypervisor: the lab's where there is one, else the machine's own libvirtd.

    Raises:
        HypervisorError: Neither answers.
    """
    lab = _lab(site.lab / "lab.json")
    if lab is not None and _answers(lab.uri):
        return lab
    if _answers(SYSTEM_URI):
        return Host(name="local", uri=SYSTEM_URI, netns=None)
    msg = "libvirt does not answer on this machine; start libvirtd, or run: scripts/lab up"
    raise HypervisorError(msg)


def _lab(file: Path) -> Host | None:
    """The project's own libvirtd, as it was noted when it was started."""
    try:
        facts = json.loads(file.read_text())
        return Host(name="local", uri=facts["uri"], netns=facts["netns"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _answers(uri: str) -> bool:
    try:
        libvirt.open(uri).close()
    except libvirt.libvirtError:
        return False
    return True
