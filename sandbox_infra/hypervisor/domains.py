"""Domains: how they are defined, whether they still are, and when they end."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import libvirt
from lxml import etree

from sandbox_infra.errors import HypervisorError
from sandbox_infra.hypervisor.connection import Hypervisor, is_missing

LIFETIME_NAMESPACE: Final = "urn:sandbox-infra:lifetime:1"
_STOP_SECONDS: Final = 60

# What libvirt fills in while a domain runs; it says nothing about how it was defined.
_RUNTIME_ELEMENTS: Final = (
    "alias", "seclabel", "backingStore", "resource", "address", "currentMemory", "audio",
    "cpu/model", "cpu/feature", "cpu/vendor", "controller/target", "controller/model",
    "interface/target",
)  # fmt: skip
_RUNTIME_ATTRIBUTES: Final = {
    "domain": ("id",), "source": ("index", "portid", "bridge", "tty"), "target": ("tray",),
    "console": ("tty",), "vcpu": ("current",),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """How a domain is defined.

    Attributes:
        digest: SHA-256 over the normalised persistent and running definitions.
        xml: The persistent definition, for restoring it.
        normal: The normalised definition, for showing differences.
    """

    digest: str
    xml: str
    normal: str


def exists(hypervisor: Hypervisor, name: str) -> bool:
    """Whether there is such a domain."""
    return name in {domain.name() for domain in hypervisor.raw.listAllDomains()}


def fingerprint(hypervisor: Hypervisor, name: str) -> Fingerprint:
    """Look at a domain's definition, both the persistent and the running one."""
    domain = _lookup(hypervisor, name)
    persistent = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    running = domain.XMLDesc(0) if domain.isActive() else persistent
    normal = f"{normalise(persistent)}\n{normalise(running)}"
    return Fingerprint(
        digest=hashlib.sha256(normal.encode()).hexdigest(), xml=persistent, normal=normal
    )


def normalise(xml: str) -> str:
    """A domain's XML without what changes by itself, indented."""
    tree = etree.fromstring(xml.encode())
    unwanted = [element for path in _RUNTIME_ELEMENTS for element in tree.iterfind(f".//{path}")]
    unwanted += list(tree.iter(f"{{{LIFETIME_NAMESPACE}}}lifetime"))
    for element in unwanted:
        parent = element.getparent()
        if parent is not None:
            parent.remove(element)
    for tag, attributes in _RUNTIME_ATTRIBUTES.items():
        for element in tree.iter(tag):
            for attribute in attributes:
                element.attrib.pop(attribute, "")
    for element in tree.iter():
        element.text = (element.text or "").strip() or None
        element.tail = None
    etree.indent(tree)
    return str(etree.tostring(tree, encoding="unicode"))


def restore(
    hypervisor: Hypervisor, name: str, xml: str, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Define a domain as it was, and restart it where the running one differs."""
    domain = hypervisor.raw.defineXML(xml)
    if domain.isActive() and normalise(domain.XMLDesc(0)) != normalise(xml):
        _stop(domain, sleep)
    if not domain.isActive():
        domain.create()
    if not domain.isActive():
        msg = (
            f"the domain {name!r} was restored but does not run; look with: sandbox logs --console"
        )
        raise HypervisorError(msg)


def _stop(domain: libvirt.virDomain, sleep: Callable[[float], None]) -> None:
    domain.shutdown()
    for _ in range(_STOP_SECONDS):
        if not domain.isActive():
            return
        sleep(1)
    domain.destroy()


def set_lifetime_metadata(
    hypervisor: Hypervisor, name: str, created_at: str, expires_at: str
) -> None:
    """Write on a domain when its stack was made and when it ends."""
    _lookup(hypervisor, name).setMetadata(
        libvirt.VIR_DOMAIN_METADATA_ELEMENT,
        f"<lifetime created='{created_at}' expires='{expires_at}'/>",
        "lifetime",
        LIFETIME_NAMESPACE,
        libvirt.VIR_DOMAIN_AFFECT_CONFIG | libvirt.VIR_DOMAIN_AFFECT_LIVE,
    )


def _lookup(hypervisor: Hypervisor, name: str) -> libvirt.virDomain:
    try:
        return hypervisor.raw.lookupByName(name)
    except libvirt.libvirtError as exc:
        if is_missing(exc):
            msg = f"the domain {name!r} is gone; run: pulumi refresh, then pulumi up"
            raise HypervisorError(msg) from exc
        raise
