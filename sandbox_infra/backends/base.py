"""What a backend is: it turns the plan into what a provider is told. Pure, and lazily loaded.

The words are those that all backends share; ``text`` is what only the one backend understands.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Final, Protocol, cast
from uuid import UUID

from sandbox_infra.errors import ToolError
from sandbox_infra.plan.model import SandboxPlan
from sandbox_infra.types import Role

_BACKENDS: Final = {
    "fake": "sandbox_infra.backends.fake",
    "libvirt": "sandbox_infra.backends.libvirt",
}


@dataclass(frozen=True, kw_only=True)
class PoolSpec:
    """Where the volumes of a stack lie."""

    name: str
    uuid: UUID
    path: str
    text: str


@dataclass(frozen=True, kw_only=True)
class NetworkSpec:
    """The lab network; there is no way out of it."""

    name: str
    uuid: UUID
    bridge: str
    cidr: IPv4Network
    text: str


@dataclass(frozen=True, kw_only=True)
class VolumeSpec:
    """An encrypted disk.

    Attributes:
        name: Name of the volume.
        size_bytes: Its size.
        key_id: Under which its key is known.
        overlay: Whether it begins as its golden image rather than empty.
        text: For the backend.
    """

    name: str
    size_bytes: int
    key_id: UUID
    overlay: bool
    text: str


@dataclass(frozen=True, kw_only=True)
class FilterSpec:
    """What a machine may send and receive."""

    name: str
    uuid: UUID
    text: str


@dataclass(frozen=True, kw_only=True)
class MachineSpec:
    """A machine with one filtered interface.

    Attributes:
        role: ``sandbox`` or ``appliance``.
        name: Its name.
        uuid: Its UUID.
        vcpus: Virtual CPUs.
        memory_mib: Memory.
        mac: MAC address of its interface.
        address: Its only address.
        volumes: Its disks, the root disk first.
        filter: The filter of its interface.
        text: For the backend.
    """

    role: Role
    name: str
    uuid: UUID
    vcpus: int
    memory_mib: int
    mac: str
    address: IPv4Address
    volumes: tuple[VolumeSpec, ...]
    filter: FilterSpec
    text: str


@dataclass(frozen=True, kw_only=True)
class StackSpec:
    """A whole stack; the machines in the order they start."""

    pool: PoolSpec
    network: NetworkSpec
    machines: tuple[MachineSpec, ...]


class Backend(Protocol):
    """From the plan to specs; the same plan gives the same specs."""

    def specs(self, plan: SandboxPlan, generation: str = "") -> StackSpec:
        """All that a stack consists of.

        Args:
            plan: What it is to be.
            generation: Another one makes another root disk of the same name.
        """
        ...


def names() -> tuple[str, ...]:
    """The backends there are."""
    return tuple(sorted(_BACKENDS))


def load(name: str) -> Backend:
    """A backend by its name; what it needs is imported now and not before.

    Raises:
        ToolError: There is none of that name.
    """
    if name not in _BACKENDS:
        msg = f"there is no backend {name!r}; expected one of: {', '.join(names())}"
        raise ToolError(msg)
    return cast("Backend", importlib.import_module(_BACKENDS[name]))
