"""The libvirt backend: stylesheets over what pulumi-libvirt writes, and network filters."""

from __future__ import annotations

from sandbox_infra.backends import libvirt_xml
from sandbox_infra.backends.base import (
    FilterSpec,
    MachineSpec,
    NetworkSpec,
    PoolSpec,
    StackSpec,
    VolumeSpec,
)
from sandbox_infra.plan.model import DiskPlan, MachinePlan, SandboxPlan


def specs(plan: SandboxPlan, generation: str = "") -> StackSpec:
    """All that a stack consists of."""
    pool, network = plan.pool, plan.network
    return StackSpec(
        pool=PoolSpec(
            name=pool.name, uuid=pool.uuid, path=pool.path, text=libvirt_xml.pool_xslt(pool)
        ),
        network=NetworkSpec(
            name=network.name,
            uuid=network.uuid,
            bridge=network.bridge,
            cidr=network.cidr,
            text=libvirt_xml.network_xslt(network),
        ),
        machines=tuple(_machine(machine, plan, generation) for machine in plan.machines),
    )


def _machine(machine: MachinePlan, plan: SandboxPlan, generation: str) -> MachineSpec:
    return MachineSpec(
        role=machine.role,
        name=machine.name,
        uuid=machine.uuid,
        vcpus=machine.vcpus,
        memory_mib=machine.memory_mib,
        mac=machine.mac,
        address=machine.address,
        volumes=tuple(volume(disk, generation) for disk in machine.disks),
        filter=FilterSpec(
            name=machine.filter_name,
            uuid=machine.filter_uuid,
            text=libvirt_xml.filter_xml(machine, plan.network),
        ),
        text=libvirt_xml.domain_xslt(machine, plan),
    )


def volume(disk: DiskPlan, generation: str) -> VolumeSpec:
    """One disk; only an overlay begins anew with another generation, for data stays."""
    overlay = disk.mount is None
    return VolumeSpec(
        name=disk.volume,
        size_bytes=disk.size_mib << 20,
        key_id=disk.key_id,
        overlay=overlay,
        text=libvirt_xml.volume_xslt(disk, generation if overlay else ""),
    )
