"""User-data as text: what is in it, what is not, and when it changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox_infra.cloudinit import render
from sandbox_infra.cloudinit.model import PLACEHOLDER
from sandbox_infra.cloudinit.validate import validate
from sandbox_infra.errors import CheckError, ToolError
from sandbox_infra.plan.build import build_plan
from sandbox_infra.plan.model import SandboxPlan
from sandbox_infra.site import Site
from tests.support.stack_files import stack_file, surroundings

TOKEN = "wrapped-token-of-the-test"
ENROLMENT = replace(PLACEHOLDER, wrapped_token=TOKEN)
users = st.from_regex(r"[a-z][a-z0-9_-]{0,10}", fullmatch=True).filter(
    lambda name: (
        name not in {"root", "operator", "daemon", "nobody", "mlflow", "openbao", "postgres"}
    )
)


@pytest.fixture(name="plan")
def fixture_plan() -> SandboxPlan:
    return build_plan(stack_file(), surroundings())


def files(text: str) -> dict[str, dict[str, Any]]:
    return {file["path"]: file for file in yaml.safe_load(text)["write_files"]}


def test_same_plan_same_text(plan: SandboxPlan) -> None:
    assert render.appliance_user_data(plan) == render.appliance_user_data(plan)


def test_the_token_stands_once_and_only_for_root(plan: SandboxPlan) -> None:
    text = render.sandbox_user_data(plan, ENROLMENT)
    assert text.count(TOKEN) == 1
    order = files(text)["/run/lab/enrol.json"]
    assert TOKEN in order["content"]
    assert order["permissions"] == "0600"


def test_an_enrolment_does_not_show_its_token() -> None:
    assert TOKEN not in repr(ENROLMENT)


def test_the_appliance_knows_nobody_but_the_operator(plan: SandboxPlan) -> None:
    document = yaml.safe_load(render.appliance_user_data(plan))
    assert [user["name"] for user in document["users"]] == ["operator"]
    assert "/run/lab/enrol.json" not in files(render.appliance_user_data(plan))


@pytest.mark.parametrize("role", ["sandbox", "appliance"])
def test_nothing_passes_unless_it_is_named(plan: SandboxPlan, role: str) -> None:
    text = (
        render.appliance_user_data(plan)
        if role == "appliance"
        else render.sandbox_user_data(plan, ENROLMENT)
    )
    rules = files(text)["/etc/nftables.conf"]["content"]
    assert rules.count("policy drop") == 3
    assert "policy accept" not in rules


def test_accounts_have_no_passwords(plan: SandboxPlan) -> None:
    document = yaml.safe_load(render.sandbox_user_data(plan, ENROLMENT))
    assert all(user["lock_passwd"] for user in document["users"])


def test_a_digest_follows_the_template_and_not_the_token(plan: SandboxPlan) -> None:
    before = render.template_digest("sandbox", plan)
    assert render.template_digest("sandbox", plan) == before
    two = [{"name": name, "ssh_keys": ["operator"]} for name in ("ada", "grace")]
    other = build_plan(stack_file(users=two), surroundings())
    assert render.template_digest("sandbox", other) != before
    assert render.template_digest("appliance", other) == render.template_digest("appliance", plan)


def test_an_instance_is_a_new_one_when_its_template_changes(plan: SandboxPlan) -> None:
    meta = yaml.safe_load(render.meta_data(plan.sandbox, plan))
    assert meta["instance-id"].endswith(render.template_digest("sandbox", plan)[:16])
    assert meta["local-hostname"] == "sandbox"


def test_the_network_is_static_and_leads_nowhere(plan: SandboxPlan) -> None:
    config = yaml.safe_load(render.network_config(plan.sandbox, plan))
    (interface,) = config["ethernets"].values()
    assert interface["match"] == {"macaddress": plan.sandbox.mac}
    assert interface["addresses"] == ["10.77.0.10/24"]
    assert not interface["dhcp4"]
    assert "gateway4" not in interface
    assert "nameservers" not in interface


@settings(deadline=None, max_examples=20)
@given(st.lists(users, min_size=1, max_size=4, unique=True))
def test_any_people_make_valid_user_data(names: list[str]) -> None:
    people = [{"name": name, "principals": [f"{name}@example.org"]} for name in names]
    plan = build_plan(stack_file(users=people), surroundings())
    text = render.sandbox_user_data(plan, ENROLMENT)
    validate(text, Site.locate().cloudinit_schema)
    assert {user["name"] for user in yaml.safe_load(text)["users"]} == {"operator", *names}


def test_wrong_user_data_is_refused_with_its_line() -> None:
    text = "#cloud-config\nhostname: x\nwrite_files:\n- path: 7\n"
    with pytest.raises(CheckError, match="line 4") as caught:
        validate(text, Site.locate().cloudinit_schema)
    assert "write_files.0.path" in caught.value.problems[0].key


def test_text_without_the_first_line_is_refused() -> None:
    with pytest.raises(CheckError, match="#cloud-config"):
        validate("hostname: x\n", Site.locate().cloudinit_schema)


def test_a_missing_schema_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="scripts/install"):
        validate("#cloud-config\n", tmp_path / "none.json")
