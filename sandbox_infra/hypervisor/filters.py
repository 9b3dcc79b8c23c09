"""Network filters: what a guest may send, enforced outside the guest."""

from __future__ import annotations

import libvirt

from sandbox_infra.hypervisor.connection import Hypervisor, is_missing


def define_filter(hypervisor: Hypervisor, xml: str) -> None:
    """Define a filter, or put new rules into force for the guests that use it."""
    hypervisor.raw.nwfilterDefineXML(xml)


def delete_filter(hypervisor: Hypervisor, name: str) -> None:
    """Remove a filter; one that is gone already is fine."""
    try:
        hypervisor.raw.nwfilterLookupByName(name).undefine()
    except libvirt.libvirtError as exc:
        if not is_missing(exc):
            raise
