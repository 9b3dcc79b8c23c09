"""From the stack file to the plan: pure, given the clock, the inventory and the images."""

from __future__ import annotations

from sandbox_infra.config.models import StackFile
from sandbox_infra.errors import CheckError
from sandbox_infra.plan import names
from sandbox_infra.plan.checks import check
from sandbox_infra.plan.model import (
    DiskPlan,
    HostFacts,
    Identity,
    MachinePlan,
    NetworkPlan,
    PoolPlan,
    SandboxPlan,
    Surroundings,
    UserPlan,
)
from sandbox_infra.types import Acceleration, Role

FIRST_UID = 2000
"""User ids of people begin here; everything below belongs to the system."""

SEAL_MIB = 32
"""The appliance's seal volume: one key and one certificate, apart from the data."""

_MIB = 1024 * 1024


def build_plan(stack_file: StackFile, around: Surroundings) -> SandboxPlan:
    """Decide everything about a stack before any of it exists.

    Raises:
        CheckError: A rule is broken; every finding is listed.
    """
    problems = check(stack_file, around)
    if problems:
        raise CheckError(problems)
    host = around.hosts[stack_file.hosts[0]]
    project = stack_file.project
    return SandboxPlan(
        identity=_identity(stack_file, around, host),
        host=host.name,
        network=_network(stack_file),
        pool=_pool(project, host),
        appliance=_appliance(stack_file, around, host),
        sandbox=_sandbox(stack_file, around, host),
        users=_users(stack_file, around.operator_key),
        operator_key=around.operator_key,
        recovery_recipients=_real_keys(
            stack_file.appliance.recovery_recipients, around.operator_key
        ),
        ready_timeout=stack_file.ready_timeout,
    )


def _identity(stack_file: StackFile, around: Surroundings, host: HostFacts) -> Identity:
    return Identity(
        project=stack_file.project,
        stack=around.stack,
        owner=stack_file.owner,
        purpose=stack_file.purpose,
        data_class=stack_file.data_class,
        created_at=host.created_at or around.now,
        ttl=stack_file.ttl,
        tags=tuple(sorted(stack_file.tags.items())),
    )


def _network(stack_file: StackFile) -> NetworkPlan:
    name = names.object_name(stack_file.project, "lab")
    cidr = stack_file.network.cidr
    return NetworkPlan(
        name=name,
        uuid=names.object_uuid(stack_file.project, "network", name),
        bridge=names.bridge_name(stack_file.project),
        cidr=cidr,
        host_address=names.host_address(cidr),
    )


def _pool(project: str, host: HostFacts) -> PoolPlan:
    name = names.object_name(project)
    return PoolPlan(
        name=name,
        uuid=names.object_uuid(project, "pool", name),
        path=f"{host.pool_root}/{name}",
    )


def _appliance(stack_file: StackFile, around: Surroundings, host: HostFacts) -> MachinePlan:
    wanted = stack_file.appliance
    data = (
        ("data", wanted.data, "/var/lib/appliance"),
        ("seal", SEAL_MIB, "/var/lib/seal"),
    )
    return _machine(
        stack_file, around, host, role="appliance", vcpus=wanted.cpu, memory_mib=wanted.memory,
        data=data,
    )  # fmt: skip


def _sandbox(stack_file: StackFile, around: Surroundings, host: HostFacts) -> MachinePlan:
    data = tuple((volume.name, volume.size, volume.mount) for volume in stack_file.data_volumes)
    return _machine(
        stack_file, around, host, role="sandbox", vcpus=stack_file.cpu,
        memory_mib=stack_file.memory, data=data,
    )  # fmt: skip


def _machine(
    stack_file: StackFile,
    around: Surroundings,
    host: HostFacts,
    *,
    role: Role,
    vcpus: int,
    memory_mib: int,
    data: tuple[tuple[str, int, str], ...],
) -> MachinePlan:
    project, cidr = stack_file.project, stack_file.network.cidr
    name = names.object_name(project, role)
    image = around.images[role]
    root = _disk(project, role, "root", image.root_bytes // _MIB, None)
    return MachinePlan(
        role=role,
        name=name,
        uuid=names.object_uuid(project, "domain", name),
        hostname=role,
        vcpus=vcpus,
        memory_mib=memory_mib,
        domain_type="kvm" if _uses_kvm(stack_file, host) else "qemu",
        image=image,
        disks=(root, *(_disk(project, role, *volume) for volume in data)),
        mac=names.mac_address(project, role),
        address=(
            names.sandbox_address(cidr) if role == "sandbox" else names.appliance_address(cidr)
        ),
        filter_name=name,
        filter_uuid=names.object_uuid(project, "filter", name),
    )


def _disk(project: str, role: Role, name: str, size_mib: int, mount: str | None) -> DiskPlan:
    volume = f"{role}-{name}.{'qcow2' if mount is None else 'luks'}"
    return DiskPlan(
        name=name,
        volume=volume,
        size_mib=size_mib,
        mount=mount,
        serial=name,
        key_id=names.object_uuid(project, "secret", volume),
    )


def _uses_kvm(stack_file: StackFile, host: HostFacts) -> bool:
    return stack_file.acceleration is not Acceleration.TCG and host.kvm_works


def _users(stack_file: StackFile, operator_key: str) -> tuple[UserPlan, ...]:
    return tuple(
        UserPlan(
            name=user.name,
            uid=FIRST_UID + position,
            ssh_keys=_real_keys(user.ssh_keys, operator_key),
            principals=user.principals,
        )
        for position, user in enumerate(stack_file.users)
    )


def _real_keys(keys: tuple[str, ...], operator_key: str) -> tuple[str, ...]:
    return tuple(operator_key if key == "operator" else key for key in keys)
