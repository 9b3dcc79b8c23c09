"""What a hypervisor has and what already runs on it, as far as a plan needs to know."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import libvirt
from lxml import etree

from sandbox_infra.errors import HypervisorError
from sandbox_infra.hypervisor import storage
from sandbox_infra.hypervisor.acceleration import kvm_works
from sandbox_infra.hypervisor.connection import Hypervisor, is_missing
from sandbox_infra.hypervisor.hosts import Host
from sandbox_infra.plan import names
from sandbox_infra.plan.model import HostFacts
from sandbox_infra.site import Site

RECORD: Final = "stack.json"
_ROUTES: Final = Path("/proc/net/route")


def host_facts(hypervisor: Hypervisor, host: Host, *, project: str, site: Site) -> HostFacts:
    """Look at a hypervisor on behalf of a project.

    Args:
        hypervisor: The connection.
        host: Which host it is.
        project: Whose objects are ours; everything else is somebody else's.
        site: Where the answer about KVM is kept.
    """
    raw = hypervisor.raw
    _, memory_mib, cpus, *_ = raw.getInfo()
    return HostFacts(
        name=host.name,
        cpus=cpus,
        memory_mib=memory_mib,
        kvm_works=kvm_works(site),
        pool_root=storage.POOL_ROOT,
        foreign_names=frozenset(_foreign(hypervisor, project)),
        networks=tuple(_networks(hypervisor, project, host)),
        committed_mib=_committed(hypervisor, project),
        created_at=_created(hypervisor, project),
        free_disk_mib=storage.free_mib(hypervisor),
    )


def _objects(hypervisor: Hypervisor) -> Iterator[tuple[str, str, str]]:
    """Kind, name and UUID of everything that has a name."""
    raw = hypervisor.raw
    for kind, found in (
        ("domain", raw.listAllDomains()),
        ("network", raw.listAllNetworks()),
        ("pool", raw.listAllStoragePools()),
        ("filter", raw.listAllNWFilters()),
    ):
        for one in found:
            yield kind, one.name(), one.UUIDString()


def _ours(project: str) -> dict[tuple[str, str], str]:
    roles = [names.object_name(project, role) for role in ("sandbox", "appliance")]
    wanted = [("network", names.object_name(project, "lab")), ("pool", names.object_name(project))]
    wanted += [(kind, name) for kind in ("domain", "filter") for name in roles]
    return {pair: str(names.object_uuid(project, *pair)) for pair in wanted}


def _foreign(hypervisor: Hypervisor, project: str) -> Iterator[str]:
    """Objects with one of our names and another UUID than ours would have."""
    ours = _ours(project)
    for kind, name, uuid in _objects(hypervisor):
        if ours.get((kind, name), uuid) != uuid:
            yield f"{kind}/{name}"
    path = f"{storage.POOL_ROOT}/{names.object_name(project)}"
    for pool in hypervisor.raw.listAllStoragePools():
        target = _described(pool).findtext("target/path")
        if target == path and pool.name() != names.object_name(project):
            yield f"pool/{pool.name()}"


def _described(thing: Any) -> etree._Element:  # noqa: ANN401 - libvirt has no types
    """An object's definition; nothing of one that has gone since it was listed."""
    try:
        return etree.fromstring(thing.XMLDesc().encode())
    except libvirt.libvirtError as exc:
        if is_missing(exc):
            return etree.Element("gone")
        raise


def _networks(hypervisor: Hypervisor, project: str, host: Host) -> Iterator[ipaddress.IPv4Network]:
    """IPv4 networks of other libvirt networks and, outside a namespace, of the host's routes."""
    own = names.object_name(project, "lab")
    own_bridge = names.bridge_name(project)
    for network in hypervisor.raw.listAllNetworks():
        if network.name() == own:
            continue
        for ip in _described(network).iterfind("ip"):
            if ip.get("family", "ipv4") == "ipv4":
                mask = ip.get("prefix") or ip.get("netmask")
                yield ipaddress.IPv4Network(f"{ip.get('address')}/{mask}", strict=False)
    if host.netns is None and _ROUTES.exists():
        yield from _routes(_ROUTES.read_text(), own_bridge)


def _routes(text: str, own_bridge: str) -> Iterator[ipaddress.IPv4Network]:
    """Networks in the kernel's routing table: hexadecimal, in the machine's byte order."""
    for line in text.splitlines()[1:]:
        interface, destination, *_rest = line.split()
        mask = line.split()[7]
        if interface != own_bridge and destination != "00000000":
            address = ipaddress.IPv4Address(int.from_bytes(bytes.fromhex(destination), "little"))
            netmask = ipaddress.IPv4Address(int.from_bytes(bytes.fromhex(mask), "little"))
            yield ipaddress.IPv4Network(f"{address}/{netmask}", strict=False)


def _committed(hypervisor: Hypervisor, project: str) -> int:
    """Memory in MiB of the running domains of everybody else."""
    own = {names.object_name(project, role) for role in ("sandbox", "appliance")}
    running = hypervisor.raw.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)
    return sum(_memory_mib(domain) for domain in running if domain.name() not in own)


def _memory_mib(domain: Any) -> int:  # noqa: ANN401 - libvirt has no types
    try:
        return int(domain.maxMemory()) >> 10
    except libvirt.libvirtError as exc:
        if is_missing(exc):
            return 0
        raise


def _created(hypervisor: Hypervisor, project: str) -> datetime | None:
    """When the project's stack was made, from the record in its pool."""
    pool = names.object_name(project)
    if pool not in {one.name() for one in hypervisor.raw.listAllStoragePools()}:
        return None
    if not hypervisor.raw.storagePoolLookupByName(pool).isActive():
        return None
    text = storage.read_volume_text(hypervisor, pool, RECORD)
    try:
        return datetime.fromisoformat(json.loads(text)["created_at"]) if text else None
    except (ValueError, KeyError, TypeError) as exc:
        msg = (
            f"the record {RECORD!r} in the pool {pool!r} cannot be read, so nobody knows when the "
            "stack ends; destroy the stack and bring it up again"
        )
        raise HypervisorError(msg) from exc
