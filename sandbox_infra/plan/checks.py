"""The rules a stack must keep, each a small function that returns its findings.

All are pure and run before anything exists. A rule looks only at what it needs, so that one
broken key does not hide another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from ipaddress import IPv4Network
from typing import Final

from sandbox_infra.config.models import StackFile
from sandbox_infra.errors import Problem
from sandbox_infra.plan.model import HostFacts, Surroundings
from sandbox_infra.types import Acceleration, DataClass, format_size

Rule = Callable[[StackFile, Surroundings], Iterable[Problem]]

HOST_RESERVE_MIB: Final = 1024
"""Memory left to the hypervisor itself."""

OVERLAY_MIB: Final = 512
"""Disk space a fresh root overlay may take before the people do anything."""

_PRIVATE: Final = tuple(
    IPv4Network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
)
_LARGEST_PREFIX, _SMALLEST_PREFIX = 16, 28


def check(stack_file: StackFile, around: Surroundings) -> tuple[Problem, ...]:
    """Apply every rule; an empty result means that the plan may be built."""
    return tuple(problem for rule in RULES for problem in rule(stack_file, around))


def known_host(stack_file: StackFile, around: Surroundings) -> Iterable[Problem]:
    """Every host is in the inventory."""
    for position, name in enumerate(stack_file.hosts):
        if name not in around.hosts:
            yield Problem(
                key=f"hosts[{position}]",
                value=name,
                message="no such host in the inventory",
                remedy=f"use one of {', '.join(sorted(around.hosts)) or 'none is known'}",
            )


def images_present(_: StackFile, around: Surroundings) -> Iterable[Problem]:
    """Both golden images are built."""
    for role in ("appliance", "sandbox"):
        if role not in around.images:
            yield Problem(
                key="images",
                value=role,
                message="the golden image is missing",
                remedy=f"run: sandbox image build {role}",
            )


def network_private(stack_file: StackFile, _: Surroundings) -> Iterable[Problem]:
    """The lab network is a private block."""
    cidr = stack_file.network.cidr
    if not any(cidr.subnet_of(block) for block in _PRIVATE):
        yield _network_problem(
            cidr, "a public or reserved network", "take a block of 10.0.0.0/8 or 192.168.0.0/16"
        )


def network_size(stack_file: StackFile, _: Surroundings) -> Iterable[Problem]:
    """The lab network holds host, appliance and sandbox, and is not absurdly large."""
    cidr = stack_file.network.cidr
    if cidr.prefixlen > _SMALLEST_PREFIX:
        yield _network_problem(
            cidr,
            f"only {max(cidr.num_addresses - 2, 0)} addresses: too few for host, appliance and "
            "sandbox",
            f"take a /{_SMALLEST_PREFIX} or larger, such as a /24",
        )
    if cidr.prefixlen < _LARGEST_PREFIX:
        yield _network_problem(
            cidr, "larger than a project needs", f"take a /{_LARGEST_PREFIX} or smaller"
        )


def network_free(stack_file: StackFile, around: Surroundings) -> Iterable[Problem]:
    """The lab network overlaps nothing that the host already uses."""
    cidr = stack_file.network.cidr
    for host in _hosts(stack_file, around):
        for used in host.networks:
            if cidr.overlaps(used):
                yield _network_problem(
                    cidr, f"overlaps {used}, in use on host {host.name!r}", "take another block"
                )


def names_free(stack_file: StackFile, around: Surroundings) -> Iterable[Problem]:
    """No object with one of our names belongs to somebody else."""
    for host in _hosts(stack_file, around):
        for name in sorted(host.foreign_names):
            yield Problem(
                key="project",
                value=stack_file.project,
                message=f"{name} on host {host.name!r} belongs to somebody else",
                remedy="choose another project name; it is neither adopted nor deleted",
            )


def memory_free(stack_file: StackFile, around: Surroundings) -> Iterable[Problem]:
    """Both guests fit into what the host has left."""
    wanted = stack_file.memory + stack_file.appliance.memory
    for host in _hosts(stack_file, around):
        free = host.memory_mib - host.committed_mib - HOST_RESERVE_MIB
        if wanted > free:
            yield Problem(
                key="memory",
                value=format_size(stack_file.memory),
                message=(
                    f"with the appliance {wanted} MiB are needed, host {host.name!r} has "
                    f"{max(free, 0)} MiB free"
                ),
                remedy="lower memory or appliance.memory, or destroy a sandbox that is not needed",
            )


def cpu_available(stack_file: StackFile, around: Surroundings) -> Iterable[Problem]:
    """No guest has more virtual CPUs than the host has CPUs."""
    wanted = (("cpu", stack_file.cpu), ("appliance.cpu", stack_file.appliance.cpu))
    for host in _hosts(stack_file, around):
        for key, count in wanted:
            if count > host.cpus:
                yield Problem(
                    key=key,
                    value=str(count),
                    message=f"host {host.name!r} has {host.cpus} CPUs",
                    remedy=f"ask for {host.cpus} or fewer",
                )


def disk_free(stack_file: StackFile, around: Surroundings) -> Iterable[Problem]:
    """The volumes fit onto the host's disk even when they fill up."""
    volumes = sum(volume.size for volume in stack_file.data_volumes)
    wanted = volumes + stack_file.appliance.data + 2 * OVERLAY_MIB
    for host in _hosts(stack_file, around):
        if host.created_at is None and wanted > host.free_disk_mib:
            yield Problem(
                key="data_volumes",
                value=f"{volumes}MiB",
                message=f"{wanted} MiB are needed, host {host.name!r} has {host.free_disk_mib} "
                "MiB of disk free",
                remedy="make the volumes smaller or free disk space on the host",
            )


def kvm_present(stack_file: StackFile, around: Surroundings) -> Iterable[Problem]:
    """KVM is asked for only where it works."""
    for host in _hosts(stack_file, around):
        if stack_file.acceleration is Acceleration.KVM and not host.kvm_works:
            yield Problem(
                key="acceleration",
                value="kvm",
                message=f"no guest boots under KVM on host {host.name!r}",
                remedy="mend /dev/kvm there, or use auto or tcg",
            )


def appliance_exclusive(stack_file: StackFile, _: Surroundings) -> Iterable[Problem]:
    """Health data and classified data have an appliance of their own."""
    shared = stack_file.appliance.shared_with
    if shared and stack_file.data_class.rank >= DataClass.PHI.rank:
        yield Problem(
            key="appliance.shared_with",
            value=", ".join(shared),
            message=f"data class {stack_file.data_class} may not share an appliance",
            remedy="remove shared_with",
        )


def classified_closed(stack_file: StackFile, _: Surroundings) -> Iterable[Problem]:
    """Classified data has no way out at all."""
    if stack_file.network.egress and stack_file.data_class is DataClass.CLASSIFIED:
        yield Problem(
            key="network.egress",
            value=", ".join(rule.domain for rule in stack_file.network.egress),
            message="data class classified may have no egress",
            remedy="remove egress",
        )


RULES: Final[tuple[Rule, ...]] = (
    known_host,
    images_present,
    network_private,
    network_size,
    network_free,
    names_free,
    memory_free,
    cpu_available,
    disk_free,
    kvm_present,
    appliance_exclusive,
    classified_closed,
)


def _hosts(stack_file: StackFile, around: Surroundings) -> Iterable[HostFacts]:
    return (around.hosts[name] for name in stack_file.hosts if name in around.hosts)


def _network_problem(cidr: IPv4Network, message: str, remedy: str) -> Problem:
    return Problem(key="network.cidr", value=str(cidr), message=message, remedy=remedy)
