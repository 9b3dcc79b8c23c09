"""Every rule, accepted and refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from ipaddress import IPv4Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_infra.errors import Problem
from sandbox_infra.plan.checks import RULES, check
from sandbox_infra.plan.model import HostFacts, Surroundings
from tests.support.stack_files import HOST, NOW, image, stack_file, surroundings


def assert_accepted(around: Surroundings | None = None, **changes: Any) -> None:
    assert check(stack_file(**changes), around or surroundings()) == ()


def refused(around: Surroundings | None = None, **changes: Any) -> Problem:
    problems = check(stack_file(**changes), around or surroundings())
    assert len(problems) == 1, problems
    return problems[0]


def with_host(**changes: Any) -> Surroundings:
    return surroundings(replace(HOST, **changes))


def test_the_example_is_accepted() -> None:
    assert_accepted()


def test_unknown_host() -> None:
    problem = refused(hosts=["elsewhere"])
    assert problem.key == "hosts[0]"
    assert "local" in problem.remedy


def test_no_host_at_all() -> None:
    assert "none is known" in refused(surroundings(hosts={})).remedy


@pytest.mark.parametrize("role", ["sandbox", "appliance"])
def test_missing_image(role: str) -> None:
    other = "appliance" if role == "sandbox" else "sandbox"
    problem = refused(surroundings(images={other: image("sandbox")}))
    assert problem.value == role
    assert f"sandbox image build {role}" in problem.remedy


@pytest.mark.parametrize("cidr", ["10.0.0.0/24", "172.31.255.0/24", "192.168.4.0/28"])
def test_private_networks(cidr: str) -> None:
    assert_accepted(network={"cidr": cidr})


@pytest.mark.parametrize(
    "cidr", ["8.8.8.0/24", "172.32.0.0/24", "169.254.1.0/24", "127.0.0.0/24", "224.0.0.0/24"]
)
def test_other_networks(cidr: str) -> None:
    problem = refused(network={"cidr": cidr})
    assert problem.key == "network.cidr"
    assert problem.value == cidr


@pytest.mark.parametrize("prefix", [29, 30, 31, 32])
def test_too_few_addresses(prefix: int) -> None:
    assert "too few" in refused(network={"cidr": f"10.1.0.0/{prefix}"}).message


def test_too_many_addresses() -> None:
    assert "larger" in refused(network={"cidr": "10.0.0.0/15"}).message


def test_overlap_with_another_network() -> None:
    around = with_host(networks=(IPv4Network("10.77.0.128/25"),))
    problem = refused(around)
    assert "10.77.0.128/25" in problem.message
    assert_accepted(around, network={"cidr": "10.78.0.0/24"})


@given(st.integers(0, 255), st.integers(0, 255))
def test_overlap_is_found_exactly(ours: int, theirs: int) -> None:
    around = with_host(networks=(IPv4Network(f"10.{theirs}.0.0/16"),))
    problems = check(stack_file(network={"cidr": f"10.{ours}.3.0/24"}), around)
    assert bool(problems) == (ours == theirs)


def test_a_name_of_somebody_else() -> None:
    problem = refused(with_host(foreign_names=frozenset({"domain/sbx-demo-sandbox"})))
    assert problem.key == "project"
    assert "domain/sbx-demo-sandbox" in problem.message
    assert "neither adopted nor deleted" in problem.remedy


def test_memory_with_the_appliance_and_the_reserve() -> None:
    assert_accepted(with_host(memory_mib=2048 + 2048 + 1024))
    problem = refused(with_host(memory_mib=2048 + 2048 + 1023))
    assert problem.key == "memory"
    assert "4096 MiB are needed" in problem.message


def test_memory_promised_to_others() -> None:
    assert_accepted(with_host(committed_mib=HOST.memory_mib - 5120))
    assert "4095 MiB free" in refused(with_host(committed_mib=HOST.memory_mib - 5119)).message


def test_memory_never_negative_in_words() -> None:
    assert "has 0 MiB free" in refused(with_host(committed_mib=10 * HOST.memory_mib)).message


@pytest.mark.parametrize(
    ("changes", "key"), [({"cpu": 9}, "cpu"), ({"appliance": {"cpu": 9}}, "appliance.cpu")]
)
def test_cpus(changes: dict[str, Any], key: str) -> None:
    problem = refused(**changes)
    assert problem.key == key
    assert problem.value == "9"
    assert_accepted(cpu=8, appliance={"cpu": 8})


def test_disk_space_of_a_new_stack() -> None:
    wanted = 2048 + 4096 + 1024
    assert_accepted(with_host(free_disk_mib=wanted))
    assert refused(with_host(free_disk_mib=wanted - 1)).key == "data_volumes"


def test_disk_space_of_a_stack_that_exists() -> None:
    assert_accepted(with_host(free_disk_mib=0, created_at=NOW))


def test_kvm_where_it_does_not_work() -> None:
    assert refused(acceleration="kvm").key == "acceleration"
    assert_accepted(with_host(kvm_works=True), acceleration="kvm")
    assert_accepted(acceleration="auto")
    assert_accepted(acceleration="tcg")


@pytest.mark.parametrize(
    ("data_class", "accepted"),
    [("public", True), ("pii", True), ("phi", False), ("classified", False)],
)
def test_shared_appliance(data_class: str, *, accepted: bool) -> None:
    changes: dict[str, Any] = {
        "data_class": data_class,
        "appliance": {"shared_with": ["other"]},
    }
    if accepted:
        assert_accepted(**changes)
    else:
        assert refused(**changes).key == "appliance.shared_with"


def test_egress_of_classified_data() -> None:
    egress = [{"domain": "pypi.example.org", "purpose": "packages"}]
    network = {"cidr": "10.77.0.0/24", "egress": egress}
    assert refused(data_class="classified", network=network).key == "network.egress"
    assert_accepted(data_class="phi", network=network)
    assert_accepted(data_class="classified")


def test_all_findings_come_at_once() -> None:
    around = with_host(memory_mib=1024, cpus=1, foreign_names=frozenset({"pool/sbx-demo"}))
    keys = {problem.key for problem in check(stack_file(network={"cidr": "8.8.8.0/30"}), around)}
    assert keys == {"network.cidr", "memory", "cpu", "appliance.cpu", "project"}


def test_every_finding_tells_key_message_and_remedy() -> None:
    bare = HostFacts(name="local", cpus=0, memory_mib=0, kvm_works=False, pool_root="/x")
    for problem in check(stack_file(acceleration="kvm"), surroundings(bare, images={})):
        assert problem.key
        assert problem.message
        assert problem.remedy
        assert problem.key in str(problem)


@given(st.integers(1, 64), st.integers(1024, 65536), st.integers(10, 60 * 24 * 30))
def test_rules_never_raise(cpus: int, memory: int, minutes: int) -> None:
    wanted = stack_file(cpu=cpus, memory=memory, ttl=timedelta(minutes=minutes))
    for rule in RULES:
        assert all(isinstance(problem, Problem) for problem in rule(wanted, surroundings()))
