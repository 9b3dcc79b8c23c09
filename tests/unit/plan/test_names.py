"""Names, addresses and identifiers."""

from __future__ import annotations

import re
from ipaddress import IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_infra.plan import names

projects = st.from_regex(r"[a-z]([a-z0-9-]{0,18}[a-z0-9])?", fullmatch=True)
kinds = st.sampled_from(["domain", "network", "filter", "pool", "secret"])


def test_object_names_carry_the_prefix() -> None:
    assert names.object_name("demo") == "sbx-demo"
    assert names.object_name("demo", "lab") == "sbx-demo-lab"


@given(projects, kinds)
def test_uuids_are_stable(project: str, kind: str) -> None:
    name = names.object_name(project, "x")
    assert names.object_uuid(project, kind, name) == names.object_uuid(project, kind, name)


@given(st.lists(projects, min_size=2, max_size=2, unique=True), kinds)
def test_uuids_of_two_projects_differ(pair: list[str], kind: str) -> None:
    first, second = pair
    assert names.object_uuid(first, kind, "n") != names.object_uuid(second, kind, "n")


@given(projects)
def test_uuids_of_two_kinds_differ(project: str) -> None:
    uuids = {names.object_uuid(project, kind, "n") for kind in ("domain", "pool", "filter")}
    assert len(uuids) == 3


@given(projects)
def test_bridge_names_fit_into_linux(project: str) -> None:
    bridge = names.bridge_name(project)
    assert len(bridge) <= 15
    assert re.fullmatch(r"sbx[0-9a-f]+", bridge)


@given(projects, st.sampled_from(["sandbox", "appliance"]))
def test_mac_addresses_are_unicast_and_in_qemus_range(project: str, role: str) -> None:
    mac = names.mac_address(project, role)
    assert re.fullmatch(r"52:54:00(:[0-9a-f]{2}){3}", mac)
    assert int(mac[:2], 16) & 1 == 0


@pytest.mark.parametrize("prefix", [16, 24, 28])
def test_addresses_are_three_and_inside(prefix: int) -> None:
    network = IPv4Network(f"10.9.0.0/{prefix}")
    addresses = {
        names.host_address(network),
        names.appliance_address(network),
        names.sandbox_address(network),
    }
    assert len(addresses) == 3
    assert all(address in network for address in addresses)
    assert network.network_address not in addresses
    assert network.broadcast_address not in addresses
