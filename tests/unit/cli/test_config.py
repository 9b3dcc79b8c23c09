"""``sandbox config``."""

from __future__ import annotations

import json

import pytest
import yaml
from syrupy.assertion import SnapshotAssertion

from sandbox_infra.config.parse import load
from sandbox_infra.config.schema import text
from sandbox_infra.errors import ConfigError
from sandbox_infra.site import Site
from tests.unit.cli.conftest import Call


def test_check(site: Site, call: Call) -> None:
    assert site
    result = call("config", "check", "demo")
    assert result.exit_code == 0
    assert "stacks/Pulumi.demo.yaml is right" in result.stdout


def test_check_of_a_wrong_file(site: Site, call: Call, snapshot: SnapshotAssertion) -> None:
    site.stack_file("demo").write_text(
        "config:\n  sandbox-infra:sandbox:\n    project: demo\n    ttl: forever\n    colour: red\n"
    )
    result = call("config", "check", "demo")
    assert isinstance(result.exception, ConfigError)
    assert str(result.exception) == snapshot


def test_show(site: Site, call: Call) -> None:
    assert site
    shown = yaml.safe_load(call("config", "show", "demo").stdout)
    assert shown["ttl"] == "8h"
    assert shown["memory"] == "2GiB"
    assert shown["appliance"]["data"] == "4GiB"


def test_what_is_shown_is_a_stack_file_again(site: Site, call: Call) -> None:
    shown = json.loads(call("config", "show", "demo", "--json").stdout)
    site.stack_file("again").write_text(
        yaml.safe_dump({"config": {"sandbox-infra:sandbox": shown}})
    )
    assert load(site.stack_file("again")) == load(site.stack_file("demo"))


def test_schema(site: Site, call: Call) -> None:
    assert call("config", "schema").exit_code == 0
    assert (site.stacks / "schema.json").read_text() == text()


def test_init_takes_a_network_that_no_other_stack_has(site: Site, call: Call) -> None:
    result = call("config", "init", "new", "--owner", "ada@example.org", "--user", "grace")
    assert result.exit_code == 0, result.exception
    found = load(site.stack_file("new"))
    assert found.users[0].name == "grace"
    assert str(found.network.cidr) == "10.78.0.0/24"


def test_init_overwrites_nothing(site: Site, call: Call) -> None:
    before = site.stack_file("demo").read_text()
    result = call("config", "init", "demo", "--owner", "ada@example.org")
    assert isinstance(result.exception, ConfigError)
    assert "exists already" in str(result.exception)
    assert site.stack_file("demo").read_text() == before


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("Not_A_Name", ["--owner", "ada@example.org"], "lower-case"),
        ("new", ["--owner", "nobody"], "owner"),
        ("new", ["--owner", "ada@example.org", "--user", "root"], "belongs to the system"),
        ("new", ["--owner", "ada@example.org", "--cidr", "8"], "IPv4"),
    ],
)
def test_init_leaves_no_wrong_file(
    site: Site, call: Call, name: str, options: list[str], said: str
) -> None:
    result = call("config", "init", name, *options)
    assert isinstance(result.exception, ConfigError)
    assert said in str(result.exception)
    assert [path.name for path in site.stacks.iterdir()] == ["Pulumi.demo.yaml"]
