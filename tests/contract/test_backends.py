"""What every backend owes a plan."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from sandbox_infra.backends import base
from sandbox_infra.errors import ToolError
from sandbox_infra.plan import names
from sandbox_infra.plan.build import build_plan
from sandbox_infra.plan.model import SandboxPlan
from tests.contract.observe import Stack, observe
from tests.support.stack_files import stack_file, surroundings

VOLUMES = [
    {"name": "home", "size": "1GiB", "mount": "/home"},
    {"name": "scratch", "size": "2GiB", "mount": "/scratch"},
]
PLANS = {
    "plain": build_plan(stack_file(), surroundings()),
    "two volumes": build_plan(
        stack_file(project="second", data_volumes=VOLUMES, data_class="phi"), surroundings()
    ),
}


@pytest.fixture(name="backend", params=base.names())
def fixture_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(name="plan", params=PLANS)
def fixture_plan(request: pytest.FixtureRequest) -> SandboxPlan:
    return PLANS[request.param]


@pytest.fixture(name="spec")
def fixture_spec(backend: str, plan: SandboxPlan) -> base.StackSpec:
    return base.load(backend).specs(plan)


@pytest.fixture(name="seen")
def fixture_seen(backend: str, spec: base.StackSpec, plan: SandboxPlan) -> Stack:
    return observe(backend, spec, plan)


def test_both_machines_in_the_order_they_start(spec: base.StackSpec, plan: SandboxPlan) -> None:
    assert [machine.role for machine in spec.machines] == ["appliance", "sandbox"]
    for told, machine in zip(spec.machines, plan.machines, strict=True):
        assert (told.vcpus, told.memory_mib) == (machine.vcpus, machine.memory_mib)
        assert (told.mac, told.address) == (machine.mac, machine.address)


def test_every_name_is_the_projects(spec: base.StackSpec, plan: SandboxPlan) -> None:
    own = names.object_name(plan.identity.project)
    found = [spec.pool.name, spec.network.name]
    found += [name for machine in spec.machines for name in (machine.name, machine.filter.name)]
    assert all(name == own or name.startswith(f"{own}-") for name in found)
    assert spec.pool.path.endswith(f"/{own}")


def test_every_uuid_is_derived_from_its_name(
    spec: base.StackSpec, seen: Stack, plan: SandboxPlan
) -> None:
    def derived(kind: str, name: str) -> str:
        return str(names.object_uuid(plan.identity.project, kind, name))

    assert seen.pool[0] == str(spec.pool.uuid) == derived("pool", spec.pool.name)
    assert seen.network[0] == str(spec.network.uuid) == derived("network", spec.network.name)
    for machine in spec.machines:
        uuid = derived("domain", machine.name)
        assert seen.machines[machine.name].uuid == str(machine.uuid) == uuid
        assert str(machine.filter.uuid) == derived("filter", machine.filter.name)


def test_every_disk_is_encrypted_with_its_own_key(spec: base.StackSpec, seen: Stack) -> None:
    keys = [volume.key_id for machine in spec.machines for volume in machine.volumes]
    assert len(set(keys)) == len(keys) == len(seen.volumes)
    for machine in spec.machines:
        wanted = [str(volume.key_id) for volume in machine.volumes]
        assert seen.machines[machine.name].keys == wanted
        assert [seen.volumes[volume.name][0] for volume in machine.volumes] == wanted


def test_files_are_their_owners(seen: Stack) -> None:
    assert {mode for _, mode in seen.volumes.values()} == {"0600"}
    assert seen.pool[1] == "0711"


def test_root_disk_comes_first_and_begins_as_the_image(spec: base.StackSpec, seen: Stack) -> None:
    for machine in spec.machines:
        assert [volume.overlay for volume in machine.volumes] == [
            True,
            *(False for _ in machine.volumes[1:]),
        ]
        assert seen.machines[machine.name].serials[0] == "root"


def test_guests_find_their_disks_by_serial(seen: Stack, plan: SandboxPlan) -> None:
    for machine in plan.machines:
        serials = [disk.serial for disk in machine.disks]
        assert seen.machines[machine.name].serials == serials
        assert len(set(serials)) == len(serials)


def test_every_interface_is_filtered(spec: base.StackSpec, seen: Stack) -> None:
    for machine in spec.machines:
        wanted = [machine.filter.name, str(machine.address)]
        assert seen.machines[machine.name].filtered == wanted


def test_no_service_and_no_way_out_on_the_network(seen: Stack) -> None:
    assert seen.network[1] == []


def test_no_device_that_a_guest_needs_not(seen: Stack) -> None:
    assert {tuple(machine.unwanted) for machine in seen.machines.values()} == {()}


def test_console_is_logged_in_the_pool(spec: base.StackSpec, seen: Stack) -> None:
    for machine in spec.machines:
        log = f"{spec.pool.path}/{machine.role}-console.log"
        assert seen.machines[machine.name].console == log


def test_every_machine_says_whose_it_is(seen: Stack, plan: SandboxPlan) -> None:
    identity = plan.identity
    for machine in seen.machines.values():
        assert machine.marks == {
            "project": identity.project,
            "stack": identity.stack,
            "owner": identity.owner,
            "class": str(identity.data_class),
        }


def test_same_plan_same_specs(backend: str, spec: base.StackSpec, plan: SandboxPlan) -> None:
    assert base.load(backend).specs(replace(plan)) == spec
    later = replace(plan.identity, ttl=plan.identity.ttl * 2)
    assert base.load(backend).specs(replace(plan, identity=later)) == spec


def test_another_generation_renews_root_disks_only(backend: str, plan: SandboxPlan) -> None:
    one, other = (base.load(backend).specs(plan, generation) for generation in ("1", "2"))
    for before, after in zip(one.machines, other.machines, strict=True):
        changed = [
            old.overlay
            for old, new in zip(before.volumes, after.volumes, strict=True)
            if old != new
        ]
        assert changed == [True]
        assert replace(after, volumes=before.volumes) == before


def test_no_text_holds_a_secret(spec: base.StackSpec) -> None:
    texts = [spec.pool.text, spec.network.text]
    for machine in spec.machines:
        texts += [machine.text, machine.filter.text, *(volume.text for volume in machine.volumes)]
    assert not any(word in text.lower() for text in texts for word in ("token", "password"))


def test_unknown_backend_names_those_there_are() -> None:
    with pytest.raises(ToolError, match="no backend 'vmware'; expected one of: fake, libvirt"):
        base.load("vmware")


def test_backends_are_loaded_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "sandbox_infra.backends.fake", raising=False)
    assert "fake" in base.names()
    assert "sandbox_infra.backends.fake" not in sys.modules
    base.load("fake")
    assert "sandbox_infra.backends.fake" in sys.modules
