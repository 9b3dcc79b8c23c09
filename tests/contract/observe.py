"""What a stack would really be, read from where each backend says it."""

from __future__ import annotations

import json
from dataclasses import dataclass

from lxml import etree

from sandbox_infra.backends import libvirt_xml
from sandbox_infra.backends.base import StackSpec
from sandbox_infra.plan.model import SandboxPlan
from tests.support import provider_xml

UNWANTED = ("graphics", "video", "input", "channel", "sound", "hostdev", "redirdev", "filesystem")


@dataclass(frozen=True)
class Machine:
    """A machine as the hypervisor would see it."""

    uuid: str
    marks: dict[str, str]
    keys: list[str]
    serials: list[str]
    console: str
    filtered: list[str]
    unwanted: list[str]


@dataclass(frozen=True)
class Stack:
    """A stack as the hypervisor would see it; volumes as (key, mode)."""

    pool: tuple[str, str]
    network: tuple[str, list[str]]
    volumes: dict[str, tuple[str, str]]
    machines: dict[str, Machine]


def observe(backend: str, spec: StackSpec, plan: SandboxPlan) -> Stack:
    """Look at a stack with the eyes of a backend."""
    return {"fake": fake, "libvirt": libvirt}[backend](spec, plan)


def fake(spec: StackSpec, _plan: SandboxPlan) -> Stack:
    pool, network = json.loads(spec.pool.text), json.loads(spec.network.text)
    volumes = {}
    machines = {}
    for machine in spec.machines:
        told = json.loads(machine.text)
        machines[machine.name] = Machine(
            uuid=told["uuid"],
            marks=told["marks"],
            keys=told["keys"],
            serials=told["serials"],
            console=told["console"],
            filtered=told["filter"],
            unwanted=told["devices"],
        )
        for volume in machine.volumes:
            about = json.loads(volume.text)
            volumes[volume.name] = (about["key"], about["mode"])
    return Stack(
        pool=(pool["uuid"], pool["mode"]),
        network=(network["uuid"], network["services"]),
        volumes=volumes,
        machines=machines,
    )


def libvirt(spec: StackSpec, plan: SandboxPlan) -> Stack:
    """The provider's XML after the stylesheets that stand in the specs."""
    pool = etree.fromstring(provider_xml.pool(plan, spec.pool.text))
    network = etree.fromstring(provider_xml.network(plan, spec.network.text))
    services = [name for name in ("forward", "dns", "ip/dhcp") if network.find(name) is not None]
    volumes, machines = {}, {}
    for told, machine in zip(spec.machines, plan.machines, strict=True):
        machines[told.name] = _domain(
            etree.fromstring(provider_xml.domain(machine, plan, told.text))
        )
        for volume, disk in zip(told.volumes, machine.disks, strict=True):
            base = "/golden.qcow2" if volume.overlay else ""
            tree = etree.fromstring(provider_xml.volume(disk, base, volume.text))
            volumes[volume.name] = (
                _one(tree, "target/encryption[@format='luks']/secret/@uuid"),
                _one(tree, "target/permissions/mode/text()"),
            )
    return Stack(
        pool=(_one(pool, "uuid/text()"), _one(pool, "target/permissions/mode/text()")),
        network=(_one(network, "uuid/text()"), services),
        volumes=volumes,
        machines=machines,
    )


def _domain(tree: etree._Element) -> Machine:
    marks = tree.find(f"metadata/{{{libvirt_xml.METADATA_NAMESPACE}}}sandbox")
    assert marks is not None
    disks = "devices/disk[@device='disk']"
    return Machine(
        uuid=_one(tree, "uuid/text()"),
        marks={str(key): str(value) for key, value in marks.attrib.items()},
        keys=_all(tree, f"{disks}/encryption[@format='luks']/secret/@uuid"),
        serials=_all(tree, f"{disks}/serial/text()"),
        console=_one(tree, "devices/serial[@type='file']/source/@path"),
        filtered=[
            _one(tree, "devices/interface/filterref/@filter"),
            _one(tree, "devices/interface/filterref/parameter[@name='IP']/@value"),
        ],
        unwanted=[name for name in UNWANTED if tree.find(f"devices/{name}") is not None],
    )


def _all(tree: etree._Element, path: str) -> list[str]:
    found = tree.xpath(path)
    assert isinstance(found, list)
    return [str(one) for one in found]


def _one(tree: etree._Element, path: str) -> str:
    (found,) = _all(tree, path)
    return found
