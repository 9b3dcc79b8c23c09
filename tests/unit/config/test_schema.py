"""The JSON Schema for editors: up to date, and of one mind with the parser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from sandbox_infra.config.parse import KEY, load
from sandbox_infra.config.schema import MODELINE, schema, text
from sandbox_infra.config.template import render
from tests.support.stack_files import raw_stack_file

STACKS = Path(__file__).parents[3] / "stacks"


def fits(**changes: Any) -> bool:
    checker = jsonschema_rs.validator_for(schema())
    return checker.is_valid({"config": {KEY: raw_stack_file(**changes)}})


def test_the_file_is_up_to_date() -> None:
    written = (STACKS / "schema.json").read_text()
    assert written == text(), "run: sandbox config schema"


def test_it_is_a_schema() -> None:
    jsonschema_rs.meta.validate(schema())


def test_every_stack_file_fits_and_names_it() -> None:
    checker = jsonschema_rs.validator_for(schema())
    for path in STACKS.glob("Pulumi.*.yaml"):
        checker.validate(yaml.safe_load(path.read_text()))
        assert path.read_text().startswith(MODELINE), path.name


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"memory": "4GiB", "cpu": 4},
        {"ttl": "P7D"},
        {"appliance": {"memory": "2GiB"}},
        {"users": [{"name": "ada", "ssh_keys": ["ssh-ed25519 AAAA"]}]},
    ],
)
def test_what_is_right_fits(changes: dict[str, Any]) -> None:
    assert fits(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"colour": "red"},
        {"memory": "4GB"},
        {"ttl": "soon"},
        {"cpu": 0},
        {"data_class": "secret"},
        {"project": "Demo"},
        {"users": []},
        {"network": {"cidr": "everywhere"}},
    ],
)
def test_what_is_wrong_does_not_fit(changes: dict[str, Any]) -> None:
    assert not fits(**changes)


def test_every_key_is_described_with_an_example() -> None:
    whole = schema()
    sections = [whole["properties"]["config"]["properties"][KEY], *whole["$defs"].values()]
    for section in sections:
        for name, field in section.get("properties", {}).items():
            assert field.get("description"), name
            assert field.get("examples"), name


def test_examples_are_of_the_form_they_are_examples_of() -> None:
    assert "'[" not in json.dumps(schema()["$defs"]["User"])
    field = schema()["$defs"]["User"]["properties"]["ssh_keys"]
    assert field["examples"] == [["operator"]]


def test_the_template_is_right(tmp_path: Path) -> None:
    path = tmp_path / "Pulumi.new.yaml"
    path.write_text(render("new", owner="ada@example.org", user="ada", cidr="10.78.0.0/24"))
    assert load(path).project == "new"
    assert path.read_text().startswith(MODELINE)
