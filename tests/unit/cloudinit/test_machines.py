"""What each machine is told: what changes it, who may come in, what it may reach."""

from __future__ import annotations

import difflib
import hashlib
import re
from dataclasses import replace
from typing import Any, Final

import pytest
import yaml
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sandbox_infra.cloudinit import render
from sandbox_infra.cloudinit.model import PLACEHOLDER
from sandbox_infra.cloudinit.validate import validate
from sandbox_infra.errors import CheckError
from sandbox_infra.plan.build import build_plan
from sandbox_infra.plan.model import SandboxPlan
from sandbox_infra.site import Site
from sandbox_infra.types import Role
from tests.support.stack_files import stack_file, surroundings

ROLES: Final[tuple[Role, ...]] = ("appliance", "sandbox")
KEY: Final = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKkeyofgrace00000000000000000000000000 grace"
GRACE: Final = {"name": "grace", "ssh_keys": [KEY], "principals": ["grace@example.org"]}


def planned(**changes: Any) -> SandboxPlan:
    return build_plan(stack_file(**changes), surroundings())


def told(role: Role, of: SandboxPlan) -> str:
    if role == "appliance":
        return render.appliance_user_data(of)
    return render.sandbox_user_data(of, PLACEHOLDER)


def file(role: Role, path: str, of: SandboxPlan) -> str:
    written = yaml.safe_load(told(role, of))["write_files"]
    [content] = [one["content"] for one in written if one["path"] == path]
    return str(content)


def digests(of: SandboxPlan) -> dict[Role, str]:
    return {role: render.template_digest(role, of) for role in ROLES}


# --- what makes another machine ---------------------------------------------------------------


def test_two_plans_of_one_stack_file_say_the_same() -> None:
    one, other = planned(users=[GRACE]), planned(users=[GRACE])
    for role in ROLES:
        first, second = getattr(one, role), getattr(other, role)
        assert told(role, one) == told(role, other)
        assert render.meta_data(first, one) == render.meta_data(second, other)
        assert render.network_config(first, one) == render.network_config(second, other)


def test_the_digest_is_of_the_text_without_its_token() -> None:
    text = render.sandbox_user_data(planned(), PLACEHOLDER)
    assert digests(planned())["sandbox"] == hashlib.sha256(text.encode()).hexdigest()


def test_another_token_changes_one_line() -> None:
    first, second = (
        render.sandbox_user_data(planned(), replace(PLACEHOLDER, wrapped_token=token))
        for token in ("hvs.first", "hvs.second")
    )
    lines = difflib.ndiff(first.splitlines(), second.splitlines())
    changed = [line for line in lines if line.startswith(("- ", "+ "))]
    assert len(changed) == 2
    assert "hvs.first" in changed[0]
    assert "hvs.second" in changed[1]


@pytest.mark.parametrize(
    ("changes", "changed"),
    [
        ({"memory": "3GiB"}, {"sandbox"}),
        ({"users": [GRACE]}, {"sandbox"}),
        ({"data_volumes": [{"name": "d", "size": "1GiB", "mount": "/d"}]}, {"sandbox"}),
        ({"network": {"cidr": "10.78.0.0/24"}}, {"appliance", "sandbox"}),
        # No template says how many processors there are; the domain's own digest does.
        ({"cpu": 3}, set()),
        ({"purpose": "something else"}, set()),
    ],
)
def test_what_makes_another_digest(changes: dict[str, Any], changed: set[Role]) -> None:
    before, after = digests(planned()), digests(planned(**changes))
    assert {role for role in ROLES if before[role] != after[role]} == changed


@pytest.mark.parametrize("role", ROLES)
def test_another_digest_is_another_instance(role: Role) -> None:
    def instance(of: SandboxPlan) -> str:
        return str(yaml.safe_load(render.meta_data(getattr(of, role), of))["instance-id"])

    assert instance(planned()) == instance(planned())
    assert instance(planned()) != instance(planned(network={"cidr": "10.78.0.0/24"}))


# --- who comes in, what goes out --------------------------------------------------------------


@pytest.mark.parametrize(("role", "people"), [("appliance", ""), ("sandbox", " grace")])
def test_sshd_lists_the_people_and_nobody_else(role: Role, people: str) -> None:
    text = file(role, "/etc/ssh/sshd_config.d/20-lab.conf", planned(users=[GRACE]))
    allowed = [line for line in text.splitlines() if line.startswith("Allow")]
    assert allowed == [f"AllowUsers operator{people}"]


@pytest.mark.parametrize(
    ("role", "inbound", "outbound"),
    [
        ("appliance", "10.77.0.10 tcp dport { 443, 6514, 8200 }", "10.77.0.10 tcp dport { 9100 }"),
        ("sandbox", "10.77.0.2 tcp dport { 9100 }", "10.77.0.2 tcp dport { 443, 6514, 8200 }"),
    ],
)
def test_nftables_drops_by_default_both_ways(role: Role, inbound: str, outbound: str) -> None:
    text = file(role, "/etc/nftables.conf", planned())
    known = "ct state established,related accept"
    expected = {
        "input": ["iif lo accept", known, "ip saddr 10.77.0.1 tcp dport 22 accept",
                  f"ip saddr {inbound} accept"],
        "forward": [],
        "output": ["oif lo accept", known, f"ip daddr {outbound} accept"],
    }  # fmt: skip
    chains = dict(re.findall(r"chain (\w+) {\n(.*?)\n    }", text, re.DOTALL))
    assert set(chains) == set(expected)
    for name, rules in chains.items():
        lines = [line.strip() for line in rules.splitlines()]
        assert lines[0] == f"type filter hook {name} priority filter; policy drop;"
        assert [line for line in lines if line.endswith("accept")] == expected[name]


def test_the_appliance_hears_nothing_of_people_and_enrolments() -> None:
    given_plan = planned(users=[GRACE])
    text = told("appliance", given_plan)
    for unheard in ("grace", KEY.split()[1], "wrapped_token", "role_id"):
        assert unheard not in text
        assert unheard in told("sandbox", given_plan)


@pytest.mark.parametrize("role", ROLES)
def test_the_network_has_one_address_by_mac(role: Role) -> None:
    machine = getattr(planned(), role)
    config = yaml.safe_load(render.network_config(machine, planned()))
    assert config == {
        "version": 2,
        "ethernets": {
            "lab": {
                "match": {"macaddress": machine.mac.lower()},
                "addresses": [f"{machine.address}/24"],
                "dhcp4": False,
                "dhcp6": False,
            }
        },
    }


# --- what cloud-init accepts ------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
def test_both_roles_are_accepted(role: Role) -> None:
    validate(told(role, planned(users=[GRACE])), Site.locate().cloudinit_schema)


names = st.from_regex(r"[a-z][a-z0-9-]{0,12}", fullmatch=True)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(names, min_size=1, max_size=4, unique=True), st.lists(names, max_size=3, unique=True)
)
def test_every_stack_file_that_passes_its_checks_renders(
    users: list[str], volumes: list[str]
) -> None:
    try:
        given_plan = planned(
            users=[{"name": name, "ssh_keys": ["operator"]} for name in users],
            data_volumes=[
                {"name": name, "size": "1GiB", "mount": f"/srv/{name}"} for name in volumes
            ],
        )
    except (CheckError, ValidationError):
        reject()
    for role in ROLES:
        text = told(role, given_plan)
        assert isinstance(yaml.safe_load(text), dict)
        validate(text, Site.locate().cloudinit_schema)
