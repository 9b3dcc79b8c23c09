"""From stack file to plan."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_infra.errors import CheckError
from sandbox_infra.plan import names
from sandbox_infra.plan.build import FIRST_UID, build_plan
from sandbox_infra.plan.model import SandboxPlan
from tests.support.stack_files import HOST, NOW, OPERATOR_KEY, stack_file, surroundings


@pytest.fixture(name="plan")
def fixture_plan() -> SandboxPlan:
    return build_plan(stack_file(), surroundings())


def test_same_input_same_plan(plan: SandboxPlan) -> None:
    assert build_plan(stack_file(), surroundings()) == plan


def test_plan_is_frozen(plan: SandboxPlan) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        plan.host = "other"  # type: ignore[misc]


def test_a_finding_stops_the_plan() -> None:
    with pytest.raises(CheckError, match="nothing was created") as caught:
        build_plan(stack_file(cpu=64), surroundings())
    assert [problem.key for problem in caught.value.problems] == ["cpu"]


def test_machines_start_with_the_appliance(plan: SandboxPlan) -> None:
    assert [machine.role for machine in plan.machines] == ["appliance", "sandbox"]


def test_addresses(plan: SandboxPlan) -> None:
    assert plan.network.host_address == IPv4Address("10.77.0.1")
    assert plan.appliance.address == IPv4Address("10.77.0.2")
    assert plan.sandbox.address == IPv4Address("10.77.0.10")


def test_root_disk_comes_first_and_the_others_are_data(plan: SandboxPlan) -> None:
    for machine in plan.machines:
        assert machine.disks[0].mount is None
        assert machine.disks[0].volume == f"{machine.role}-root.qcow2"
        assert machine.disks[0].size_mib == 8192
        assert all(disk.mount for disk in machine.data_disks)


def test_the_seal_is_kept_apart_from_the_data(plan: SandboxPlan) -> None:
    disks = {disk.name: disk for disk in plan.appliance.data_disks}
    assert set(disks) == {"data", "seal"}
    assert disks["data"].key_id != disks["seal"].key_id


def test_every_disk_has_a_key_of_its_own(plan: SandboxPlan) -> None:
    keys = [disk.key_id for machine in plan.machines for disk in machine.disks]
    assert len(set(keys)) == len(keys) == 5


def test_ours_are_recognised_by_uuid(plan: SandboxPlan) -> None:
    for machine in plan.machines:
        assert machine.uuid == names.object_uuid("demo", "domain", machine.name)
    assert plan.network.uuid == names.object_uuid("demo", "network", "sbx-demo-lab")
    assert plan.pool.uuid == names.object_uuid("demo", "pool", "sbx-demo")


def test_expiry_counts_from_now_for_a_new_stack(plan: SandboxPlan) -> None:
    assert plan.identity.expires_at == NOW + timedelta(hours=8)


@given(st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2030, 1, 1)))  # noqa: DTZ001
def test_expiry_does_not_move_by_an_update(created: datetime) -> None:
    created = created.replace(tzinfo=UTC)
    plan = build_plan(stack_file(), surroundings(replace(HOST, created_at=created)))
    assert plan.identity.created_at == created
    assert plan.identity.expires_at == created + timedelta(hours=8)


def test_operator_stands_for_the_site_key(plan: SandboxPlan) -> None:
    assert plan.users[0].ssh_keys == (OPERATOR_KEY,)
    assert plan.recovery_recipients == (OPERATOR_KEY,)


def test_people_get_their_own_ids() -> None:
    users = [{"name": name, "principals": [name]} for name in ("ada", "grace", "mary")]
    plan = build_plan(stack_file(users=users), surroundings())
    assert [user.uid for user in plan.users] == [FIRST_UID, FIRST_UID + 1, FIRST_UID + 2]
    assert plan.users[1].principals == ("grace",)


@pytest.mark.parametrize(
    ("works", "asked", "domain_type"),
    [
        (True, "auto", "kvm"),
        (True, "kvm", "kvm"),
        (True, "tcg", "qemu"),
        (False, "auto", "qemu"),
        (False, "tcg", "qemu"),
    ],
)
def test_acceleration(asked: str, domain_type: str, *, works: bool) -> None:
    around = surroundings(replace(HOST, kvm_works=works))
    plan = build_plan(stack_file(acceleration=asked), around)
    assert {machine.domain_type for machine in plan.machines} == {domain_type}


def test_pool_lies_under_the_hosts_root(plan: SandboxPlan) -> None:
    assert plan.pool.path == f"{HOST.pool_root}/sbx-demo"


def test_tags_are_ordered() -> None:
    plan = build_plan(stack_file(tags={"b": "2", "a": "1"}), surroundings())
    assert plan.identity.tags == (("a", "1"), ("b", "2"))


def test_image_volume_names_carry_the_checksum(plan: SandboxPlan) -> None:
    assert plan.sandbox.image.volume_name("root.qcow2") == f"sandbox-{'a' * 16}-root.qcow2"
    assert plan.sandbox.image.volume_name("vmlinuz") == f"sandbox-{'b' * 16}-vmlinuz"
    assert plan.sandbox.image.volume_name("initrd.img") == f"sandbox-{'c' * 16}-initrd.img"
