"""A backend without a hypervisor: its texts are JSON that says what the machine would be."""

from __future__ import annotations

import json
from typing import Any

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
            name=pool.name,
            uuid=pool.uuid,
            path=pool.path,
            text=_text(uuid=pool.uuid, mode="0711"),
        ),
        network=NetworkSpec(
            name=network.name,
            uuid=network.uuid,
            bridge=network.bridge,
            cidr=network.cidr,
            text=_text(uuid=network.uuid, services=[]),
        ),
        machines=tuple(_machine(machine, plan, generation) for machine in plan.machines),
    )


def _machine(machine: MachinePlan, plan: SandboxPlan, generation: str) -> MachineSpec:
    identity = plan.identity
    marks = {
        "project": identity.project,
        "stack": identity.stack,
        "owner": identity.owner,
        "class": str(identity.data_class),
    }
    return MachineSpec(
        role=machine.role,
        name=machine.name,
        uuid=machine.uuid,
        vcpus=machine.vcpus,
        memory_mib=machine.memory_mib,
        mac=machine.mac,
        address=machine.address,
        volumes=tuple(_volume(disk, generation) for disk in machine.disks),
        filter=FilterSpec(
            name=machine.filter_name, uuid=machine.filter_uuid, text=_text(lab_only=True)
        ),
        text=_text(
            uuid=machine.uuid,
            marks=marks,
            keys=[disk.key_id for disk in machine.disks],
            serials=[disk.serial for disk in machine.disks],
            console=f"{plan.pool.path}/{machine.console_log}",
            filter=[machine.filter_name, machine.address],
            devices=[],
        ),
    )


def _volume(disk: DiskPlan, generation: str) -> VolumeSpec:
    overlay = disk.mount is None
    return VolumeSpec(
        name=disk.volume,
        size_bytes=disk.size_mib << 20,
        key_id=disk.key_id,
        overlay=overlay,
        text=_text(key=disk.key_id, mode="0600", generation=generation if overlay else ""),
    )


def _text(**facts: Any) -> str:  # noqa: ANN401 - whatever JSON can say
    return json.dumps(facts, default=str, sort_keys=True)
