"""The one naming function set: every name, address and identifier of a project's objects.

libvirt 9 keeps no metadata on networks, filters, pools and secrets. Their UUIDs are therefore
derived from stack and name: an object with one of our names and another UUID is somebody else's.
"""

from __future__ import annotations

import uuid
from ipaddress import IPv4Address, IPv4Network
from typing import Final

PREFIX: Final = "sbx"
_NAMESPACE: Final = uuid.UUID("6f0d8a3e-5a0b-5d1c-9c57-5b0f3a7e2d41")


def object_name(project: str, *parts: str) -> str:
    """Name of a domain, network, filter or pool: ``sbx-<project>[-<part>...]``."""
    return "-".join((PREFIX, project, *parts))


def object_uuid(project: str, kind: str, name: str) -> uuid.UUID:
    """UUID of an object; ``kind`` is domain, network, filter, pool or secret."""
    return uuid.uuid5(_NAMESPACE, f"{project}/{kind}/{name}")


def bridge_name(project: str) -> str:
    """Interface name of the lab bridge; Linux allows 15 characters."""
    return f"{PREFIX}{object_uuid(project, 'bridge', project).hex[:10]}"


def mac_address(project: str, role: str) -> str:
    """Stable MAC address in QEMU's range."""
    tail = object_uuid(project, "mac", role).bytes[:3]
    return "52:54:00:" + ":".join(f"{byte:02x}" for byte in tail)


def host_address(network: IPv4Network) -> IPv4Address:
    """The hypervisor's own address on the lab bridge."""
    return network[1]


def appliance_address(network: IPv4Network) -> IPv4Address:
    """The appliance's address."""
    return network[2]


def sandbox_address(network: IPv4Network) -> IPv4Address:
    """The sandbox's address."""
    return network[10]
