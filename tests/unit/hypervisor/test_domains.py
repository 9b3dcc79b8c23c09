"""Domains, on libvirt's own test driver."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import libvirt
import pytest
from lxml import etree

from sandbox_infra.errors import HypervisorError
from sandbox_infra.hypervisor import domains
from sandbox_infra.hypervisor.connection import Hypervisor, connect
from tests.unit.hypervisor.fakes import hypervisor as wrapped

NAME = "sbx-demo-sandbox"
XML = f"""
<domain type='test'><name>{NAME}</name><uuid>5e3c0d1a-0000-4000-8000-000000000001</uuid>
<metadata><sbx:sandbox xmlns:sbx='urn:sandbox-infra:stack:1' owner='ada'/></metadata>
<memory unit='KiB'>65536</memory><vcpu>1</vcpu>
<os><type arch='i686'>hvm</type></os>
<devices><disk type='file' device='disk'><source file='/one'/><target dev='vda' bus='virtio'/>
</disk></devices></domain>
"""
INTRUDER = (
    "<disk type='file' device='disk'><source file='/two'/><target dev='vdb' bus='virtio'/></disk>"
)
TAMPERED = XML.replace("</devices>", f"{INTRUDER}</devices>")


def never(_seconds: float) -> None:
    pytest.fail("there is nothing to wait for")


@pytest.fixture(name="hypervisor")
def fixture_hypervisor() -> Iterator[Hypervisor]:
    with connect("test:///default") as hypervisor:
        hypervisor.raw.defineXML(XML).create()
        yield hypervisor


def test_exists(hypervisor: Hypervisor) -> None:
    assert domains.exists(hypervisor, NAME)
    hypervisor.raw.lookupByName(NAME).destroy()
    assert domains.exists(hypervisor, NAME)
    assert not domains.exists(hypervisor, "sbx-demo")


def test_fingerprint_stays(hypervisor: Hypervisor) -> None:
    first = domains.fingerprint(hypervisor, NAME)
    assert domains.fingerprint(hypervisor, NAME) == first
    assert len(first.digest) == 64
    assert "/one" in first.xml
    assert "/one" in first.normal


def test_running_and_stopped_are_the_same(hypervisor: Hypervisor) -> None:
    running = domains.fingerprint(hypervisor, NAME)
    hypervisor.raw.lookupByName(NAME).destroy()
    assert domains.fingerprint(hypervisor, NAME).digest == running.digest


def test_new_device_changes_the_digest(hypervisor: Hypervisor) -> None:
    before = domains.fingerprint(hypervisor, NAME)
    hypervisor.raw.defineXML(TAMPERED)
    after = domains.fingerprint(hypervisor, NAME)
    assert after.digest != before.digest
    assert "/two" in after.normal


def test_other_mark_changes_the_digest(hypervisor: Hypervisor) -> None:
    before = domains.fingerprint(hypervisor, NAME)
    hypervisor.raw.defineXML(XML.replace("owner='ada'", "owner='eve'"))
    assert domains.fingerprint(hypervisor, NAME).digest != before.digest


def test_missing_domain_says_what_to_do(hypervisor: Hypervisor) -> None:
    with pytest.raises(HypervisorError, match="'nobody' is gone; run: pulumi refresh"):
        domains.fingerprint(hypervisor, "nobody")


def test_lookup_hides_no_other_error() -> None:
    with connect("test:///default") as closed:
        pass
    with pytest.raises(libvirt.libvirtError):
        domains.fingerprint(closed, NAME)


def test_lifetime_is_written_and_ignored(hypervisor: Hypervisor) -> None:
    before = domains.fingerprint(hypervisor, NAME)
    for hour in ("08", "16"):
        domains.set_lifetime_metadata(hypervisor, NAME, "2026-01-02T00:00", f"2026-01-02T{hour}")
        assert domains.fingerprint(hypervisor, NAME).digest == before.digest
    domain = hypervisor.raw.lookupByName(NAME)
    for flags in (0, libvirt.VIR_DOMAIN_XML_INACTIVE):
        path = f".//{{{domains.LIFETIME_NAMESPACE}}}lifetime"
        (found,) = etree.fromstring(domain.XMLDesc(flags)).findall(path)
        assert dict(found.attrib.items()) == {
            "created": "2026-01-02T00:00",
            "expires": "2026-01-02T16",
        }


def test_restore_brings_the_definition_back(hypervisor: Hypervisor) -> None:
    before = domains.fingerprint(hypervisor, NAME)
    hypervisor.raw.lookupByName(NAME).destroy()
    hypervisor.raw.defineXML(TAMPERED).create()
    assert domains.fingerprint(hypervisor, NAME).digest != before.digest
    domains.restore(hypervisor, NAME, before.xml, never)
    assert domains.fingerprint(hypervisor, NAME).digest == before.digest
    assert hypervisor.raw.lookupByName(NAME).isActive()


def test_restore_starts_a_stopped_domain(hypervisor: Hypervisor) -> None:
    before = domains.fingerprint(hypervisor, NAME)
    hypervisor.raw.lookupByName(NAME).destroy()
    domains.restore(hypervisor, NAME, before.xml, never)
    assert hypervisor.raw.lookupByName(NAME).isActive()


def test_restore_leaves_the_right_one_running(hypervisor: Hypervisor) -> None:
    domain = hypervisor.raw.lookupByName(NAME)
    number = domain.ID()
    domains.restore(hypervisor, NAME, domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE), never)
    assert hypervisor.raw.lookupByName(NAME).ID() == number


@dataclass
class Stubborn:
    """A domain that ignores its power button, and perhaps does not start."""

    running: bool = True
    starts: bool = True
    calls: list[str] = field(default_factory=list)

    def defineXML(self, _xml: str) -> Stubborn:  # noqa: N802 - libvirt's name
        return self

    def XMLDesc(self, _flags: int) -> str:  # noqa: N802 - libvirt's name
        return TAMPERED

    def isActive(self) -> bool:  # noqa: N802 - libvirt's name
        return self.running

    def shutdown(self) -> None:
        self.calls.append("shutdown")

    def destroy(self) -> None:
        self.calls.append("destroy")
        self.running = False

    def create(self) -> None:
        self.calls.append("create")
        self.running = self.starts


def test_stubborn_domain_is_switched_off() -> None:
    domain, waits = Stubborn(), list[float]()
    domains.restore(wrapped(domain), NAME, XML, waits.append)
    assert domain.calls == ["shutdown", "destroy", "create"]
    assert len(waits) == 60


def test_domain_that_does_not_start_is_an_error() -> None:
    with pytest.raises(HypervisorError, match="sandbox logs --console"):
        domains.restore(wrapped(Stubborn(running=False, starts=False)), NAME, XML, never)


def test_runtime_parts_are_ignored() -> None:
    running = (
        "<domain type='kvm' id='7'><name>n</name><currentMemory>1</currentMemory>"
        "<vcpu current='1'>2</vcpu><resource><partition>/machine</partition></resource>"
        "<cpu mode='custom'><model>EPYC</model><vendor>AMD</vendor><feature name='x'/></cpu>"
        "<devices><disk><source file='/one' index='1'/><backingStore/>"
        "<target dev='vda' tray='open'/>"
        "<alias name='virtio-disk0'/><address type='pci'/></disk>"
        "<interface><source network='n' portid='1' bridge='b'/><target dev='vnet0'/></interface>"
        "<console tty='/dev/pts/1'/></devices><seclabel type='none'/></domain>"
    )
    persistent = """
        <domain type='kvm'>
          <name>n</name> <vcpu>2</vcpu> <cpu mode='custom'/>
          <devices>
            <disk><source file='/one'/><target dev='vda'/></disk>
            <interface><source network='n'/></interface> <console/>
          </devices>
        </domain>
    """.strip()
    assert domains.normalise(running) == domains.normalise(persistent)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("file='/one'", "file='/other'"),
        ("65536", "65537"),
        ("dev='vda'", "dev='vdb'"),
        ("<vcpu>1</vcpu>", "<vcpu>2</vcpu>"),
        ("</devices>", "<graphics type='vnc'/></devices>"),
        ("</devices>", "<hostdev mode='subsystem'/></devices>"),
    ],
)
def test_definition_is_not_ignored(old: str, new: str) -> None:
    xml = XML.strip()
    assert domains.normalise(xml) != domains.normalise(xml.replace(old, new))


def test_normalising_twice_changes_nothing() -> None:
    once = domains.normalise(XML.strip())
    assert domains.normalise(once) == once
