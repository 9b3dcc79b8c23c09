"""The inventory of hypervisors: today the local one."""

from __future__ import annotations

import json
from dataclasses import dataclass

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
    lab = site.lab / "lab.json"
    if lab.exists():
        facts = json.loads(lab.read_text())
        if _answers(facts["uri"]):
            return Host(name="local", uri=facts["uri"], netns=facts["netns"])
    if _answers(SYSTEM_URI):
        return Host(name="local", uri=SYSTEM_URI, netns=None)
    msg = "libvirt does not answer on this machine; start libvirtd, or run: scripts/lab up"
    raise HypervisorError(msg)


def _answers(uri: str) -> bool:
    try:
        libvirt.open(uri).close()
    except libvirt.libvirtError:
        return False
    return True
