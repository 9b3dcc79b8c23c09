"""A stack's machine without Pulumi: what the provider would be told, told to libvirt directly."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from sandbox_infra.backends import libvirt_xml
from sandbox_infra.hypervisor import filters, keys, storage
from sandbox_infra.hypervisor.connection import Hypervisor, connect
from sandbox_infra.hypervisor.lab import Lab
from sandbox_infra.image import store
from sandbox_infra.plan.build import build_plan
from sandbox_infra.plan.model import MachinePlan, SandboxPlan
from tests.support import provider_xml
from tests.support.probe_guest import ProbeGuest, write_probe_initrd
from tests.support.running_stack import HOME
from tests.support.stack_files import stack_file, surroundings


@dataclass(frozen=True)
class ProbeLab:
    """A lab with the probe guest's network, keys, disks and filter.

    Attributes:
        lab: Its libvirtd.
        plan: The plan of the stack that the guest belongs to.
    """

    lab: Lab
    plan: SandboxPlan

    @property
    def machine(self) -> MachinePlan:
        """The guest's own part of the plan."""
        return self.plan.sandbox

    @property
    def pool(self) -> Path:
        """The stack's pool, seen from outside the lab's namespaces."""
        inside = Path(self.plan.pool.path).relative_to("/var/lib/libvirt")
        return self.lab.folder / "lib" / inside

    @property
    def guest(self) -> ProbeGuest:
        """The way into the guest."""
        return ProbeGuest(str(self.machine.address), self.lab.netns)

    def console(self, hypervisor: Hypervisor) -> str:
        """What the guest has said."""
        log = self.machine.console_log
        return storage.read_volume_text(hypervisor, self.plan.pool.name, log)

    def make(self, hypervisor: Hypervisor) -> None:
        """Everything but the running guest."""
        image, folder = store.load("sandbox", HOME / "images")
        paths = storage.ensure_image(hypervisor, image, folder)
        initrd = self.lab.folder / "lib" / "images" / "probe-initrd"
        prefix = self.plan.network.cidr.prefixlen
        write_probe_initrd(folder / "initrd.img", initrd, f"{self.machine.address}/{prefix}")
        pool = hypervisor.raw.storagePoolDefineXML(provider_xml.pool(self.plan))
        pool.build()
        pool.create()
        network = hypervisor.raw.networkDefineXML(provider_xml.network(self.plan))
        network.setAutostart(1)
        network.create()
        for disk in self.machine.disks:
            keys.create_disk_key(hypervisor, disk.key_id, f"tests {disk.volume}")
            base = paths["root.qcow2"] if disk.mount is None else ""
            pool.createXML(provider_xml.volume(disk, base))
        filters.define_filter(hypervisor, libvirt_xml.filter_xml(self.machine, self.plan.network))
        storage.write_volume_text(
            hypervisor, self.plan.pool.name, self.machine.seed_volume, "no seed is read"
        )
        xml = provider_xml.domain(
            self.machine,
            self.plan,
            kernel=paths["vmlinuz"],
            initrd="/var/lib/libvirt/images/probe-initrd",
        )
        hypervisor.raw.defineXML(xml).setAutostart(1)

    def wait_for(self, hypervisor: Hypervisor, words: str, seconds: float = 120) -> None:
        """Wait until the guest has said something."""
        deadline = time.monotonic() + seconds
        while words not in self.console(hypervisor):
            assert time.monotonic() < deadline, self.console(hypervisor)[-2000:]
            time.sleep(0.2)


@pytest.fixture(scope="session")
def golden(request: pytest.FixtureRequest) -> None:
    """Some golden image of the sandbox: the newest recipe is not what these tests are about."""
    if not (HOME / "images" / "sandbox" / "manifest.json").exists():
        request.getfixturevalue("images")


@contextmanager
def probe_lab(folder: Path) -> Iterator[ProbeLab]:
    """A lab of its own with the guest running; gone afterwards, whatever happened."""
    around = surroundings()
    image, _ = store.load("sandbox", HOME / "images")
    around = replace(around, images={**around.images, "sandbox": image})
    wanted = stack_file(project="probe", network={"cidr": "10.79.0.0/24"}, memory="1GiB", cpu=1)
    probe = ProbeLab(lab=Lab(folder=folder), plan=build_plan(wanted, around))
    try:
        probe.lab.up()
        with connect(probe.lab.uri) as hypervisor:
            probe.make(hypervisor)
            hypervisor.raw.lookupByName(probe.machine.name).create()
            probe.wait_for(hypervisor, "probe: serving")
        yield probe
    finally:
        probe.lab.down(force=True)
