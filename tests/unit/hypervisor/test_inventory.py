"""What a plan is told about a hypervisor."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, NoReturn

import libvirt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_infra.errors import HypervisorError
from sandbox_infra.hypervisor import inventory, storage
from sandbox_infra.hypervisor.hosts import Host
from sandbox_infra.plan import names
from sandbox_infra.plan.model import HostFacts
from sandbox_infra.site import Site
from tests.unit.hypervisor.fakes import FakePool, FakeStorage, error, hypervisor

LAB = Host(name="local", uri="fake:///", netns="sbx-1")
MACHINE = Host(name="local", uri="fake:///", netns=None)
HEADER = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT"
SOMEBODY = "00000000-0000-4000-8000-000000000000"


def route(interface: str, network: IPv4Network) -> str:
    """A line of the kernel's routing table."""
    destination, mask = (
        int.from_bytes(part.packed, "little")
        for part in (network.network_address, network.netmask)
    )
    return f"{interface}\t{destination:08X}\t00000000\t0001\t0\t0\t0\t{mask:08X}\t0\t0\t0"


@dataclass
class Named:
    """Anything with a name."""

    label: str
    uuid: str = SOMEBODY
    xml: str = "<network/>"
    memory_kib: int = 0

    def name(self) -> str:
        return self.label

    def UUIDString(self) -> str:  # noqa: N802 - libvirt's name
        return self.uuid

    def XMLDesc(self, _flags: int = 0) -> str:  # noqa: N802 - libvirt's name
        return self.xml

    def maxMemory(self) -> int:  # noqa: N802 - libvirt's name
        return self.memory_kib


@dataclass
class FakeHost(FakeStorage):
    """A hypervisor with things on it."""

    domains: list[Named] = field(default_factory=list)
    stopped: list[Named] = field(default_factory=list)
    networks: list[Named] = field(default_factory=list)
    filters: list[Named] = field(default_factory=list)

    def getInfo(self) -> list[Any]:  # noqa: N802 - libvirt's name
        return ["x86_64", 16384, 6, 2000, 1, 1, 6, 1]

    def listAllDomains(self, flags: int = 0) -> list[Named]:  # noqa: N802 - libvirt's name
        return self.domains if flags else self.domains + self.stopped

    def listAllNetworks(self) -> list[Named]:  # noqa: N802 - libvirt's name
        return self.networks

    def listAllNWFilters(self) -> list[Named]:  # noqa: N802 - libvirt's name
        return self.filters


@pytest.fixture(name="site")
def fixture_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(inventory, "kvm_works", lambda _site: True)
    monkeypatch.setattr(inventory, "_ROUTES", tmp_path / "route")
    return Site(project=tmp_path, home=tmp_path / "home")


def look(raw: FakeHost, site: Site, host: Host = LAB) -> HostFacts:
    return inventory.host_facts(hypervisor(raw), host, project="demo", site=site)


def test_empty_host(site: Site) -> None:
    assert look(FakeHost(), site) == HostFacts(
        name="local",
        cpus=6,
        memory_mib=16384,
        kvm_works=True,
        pool_root=storage.POOL_ROOT,
        free_disk_mib=6 << 10,
    )


def ours(kind: str, *parts: str, **more: Any) -> Named:
    name = names.object_name("demo", *parts)
    return Named(name, str(names.object_uuid("demo", kind, name)), **more)


def test_our_own_objects_are_not_foreign(site: Site) -> None:
    pool = ours("pool")
    path = f"{storage.POOL_ROOT}/{pool.label}"
    raw = FakeHost(
        pools={pool.label: FakePool(pool.label, uuid=pool.uuid, target=path)},
        domains=[ours("domain", "sandbox"), Named("somebody")],
        stopped=[ours("domain", "appliance")],
        networks=[ours("network", "lab"), Named("default")],
        filters=[ours("filter", "sandbox"), ours("filter", "appliance"), Named("no-ip-spoofing")],
    )
    assert look(raw, site).foreign_names == frozenset()


def test_our_name_with_another_uuid_is_foreign(site: Site) -> None:
    raw = FakeHost(
        pools={"sbx-demo": FakePool("sbx-demo", uuid=SOMEBODY)},
        domains=[Named("sbx-demo-sandbox")],
        stopped=[Named("sbx-demo-appliance")],
        networks=[Named("sbx-demo-lab")],
        filters=[Named("sbx-demo-sandbox")],
    )
    assert look(raw, site).foreign_names == {
        "domain/sbx-demo-sandbox",
        "domain/sbx-demo-appliance",
        "network/sbx-demo-lab",
        "pool/sbx-demo",
        "filter/sbx-demo-sandbox",
    }


def test_another_pool_on_our_folder_is_foreign(site: Site) -> None:
    other = FakePool("other", target=f"{storage.POOL_ROOT}/sbx-demo")
    assert look(FakeHost(pools={"other": other}), site).foreign_names == {"pool/other"}


def test_memory_of_the_others_that_run(site: Site) -> None:
    raw = FakeHost(
        domains=[Named("a", memory_kib=2048), ours("domain", "sandbox", memory_kib=4096)],
        stopped=[Named("b", memory_kib=8192)],
    )
    raw.domains.append(Named("sbx-other-sandbox", memory_kib=1024))
    assert look(raw, site).committed_mib == 3


def test_networks_of_others(site: Site) -> None:
    raw = FakeHost(
        networks=[
            Named(
                "a", xml="<network><ip address='192.168.1.1' netmask='255.255.255.0'/></network>"
            ),
            Named("b", xml="<network><ip address='10.1.2.1' prefix='16'/></network>"),
            Named("c", xml="<network><ip family='ipv6' address='fd00::1' prefix='64'/></network>"),
            ours(
                "network",
                "lab",
                xml="<network><ip address='10.77.0.1' prefix='24'/></network>",
            ),
        ]
    )
    assert look(raw, site).networks == (
        IPv4Network("192.168.1.0/24"),
        IPv4Network("10.1.0.0/16"),
    )


def test_routes_count_outside_a_namespace_only(site: Site, tmp_path: Path) -> None:
    network = IPv4Network("172.16.0.0/12")
    (tmp_path / "route").write_text(f"{HEADER}\n{route('eth0', network)}\n")
    assert look(FakeHost(), site, LAB).networks == ()
    assert look(FakeHost(), site, MACHINE).networks == (network,)


NETWORKS = st.builds(
    lambda address, prefix: IPv4Network((address, prefix), strict=False),
    st.integers(0, 2**32 - 1),
    st.integers(1, 32),
).filter(lambda network: int(network.network_address) != 0)


@given(networks=st.lists(NETWORKS))
def test_routes_come_back(networks: list[IPv4Network]) -> None:
    text = "\n".join([HEADER, *(route("eth0", network) for network in networks)])
    assert list(inventory._routes(text, "sbx0")) == networks


def test_default_route_and_own_bridge_are_left_out() -> None:
    text = "\n".join(
        [
            HEADER,
            route("eth0", IPv4Network("0.0.0.0/0")),
            route("sbx0", IPv4Network("10.77.0.0/24")),
        ]
    )
    assert list(inventory._routes(text, "sbx0")) == []
    assert list(inventory._routes("", "sbx0")) == []


def pool_with(text: str | None, *, active: bool = True) -> FakeHost:
    raw = FakeHost(pools={"sbx-demo": FakePool("sbx-demo", active=active)}, step=1 << 20)
    if text is not None:
        storage.write_volume_text(hypervisor(raw), "sbx-demo", inventory.RECORD, text)
    return raw


def test_created_at_comes_from_the_record(site: Site) -> None:
    raw = pool_with(json.dumps({"created_at": "2026-01-02T03:04:05+00:00"}))
    assert look(raw, site).created_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_no_record_no_creation(site: Site) -> None:
    assert look(pool_with(None), site).created_at is None
    assert look(pool_with(None, active=False), site).created_at is None


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"created_at": "yesterday"}'])
def test_spoilt_record_does_not_make_a_stack_young_again(site: Site, text: str) -> None:
    with pytest.raises(HypervisorError, match=r"'stack.json' in the pool 'sbx-demo'"):
        look(pool_with(text), site)


class Gone:
    """A domain or network that ended between being listed and being looked at."""

    def __getattr__(self, _name: str) -> NoReturn:
        raise error(libvirt.VIR_ERR_NO_DOMAIN)


def test_what_is_gone_counts_nothing() -> None:
    assert inventory._memory_mib(Gone()) == 0
    assert list(inventory._described(Gone())) == []


class Broken:
    """An object that libvirt cannot tell about."""

    def __getattr__(self, _name: str) -> NoReturn:
        raise error(libvirt.VIR_ERR_INTERNAL_ERROR)


def test_failure_is_not_taken_for_absence() -> None:
    for look_at in (inventory._memory_mib, inventory._described):
        with pytest.raises(libvirt.libvirtError):
            look_at(Broken())
