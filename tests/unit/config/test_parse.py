"""Parsing: accepted, refused, and every problem at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from sandbox_infra.config.models import StackFile
from sandbox_infra.config.parse import KEY, load, parse
from sandbox_infra.errors import ConfigError, Problem
from tests.support.stack_files import raw_stack_file

STACKS = Path(__file__).parents[3] / "stacks"


def refused(raw: object) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as raised:
        parse(raw, source="stacks/Pulumi.demo.yaml")
    return raised.value.problems


def only(**changes: Any) -> Problem:
    problems = refused(raw_stack_file(**changes))
    assert len(problems) == 1, problems
    return problems[0]


def accepted(**changes: Any) -> StackFile:
    return parse(raw_stack_file(**changes), source="test")


def test_the_example_is_accepted() -> None:
    assert accepted().project == "demo"


def test_every_stack_file_of_the_project_is_right() -> None:
    for path in STACKS.glob("Pulumi.*.yaml"):
        load(path)


def test_a_full_file_is_accepted() -> None:
    found = accepted(
        data_volumes=[
            {"name": "home", "size": "1GiB", "mount": "/home"},
            {"name": "data", "size": "2GiB", "mount": "/data/in"},
        ],
        users=[
            {"name": "ada", "ssh_keys": ["operator", "ssh-ed25519 AAAA ada@here"]},
            {"name": "grace", "principals": ["grace@example.org"]},
        ],
        tags={"cost_centre": "R7"},
        ready_timeout="30m",
    )
    assert found.users[0].ssh_keys[1] == "ssh-ed25519 AAAA ada@here"


def test_many_problems_at_once(snapshot: SnapshotAssertion) -> None:
    with pytest.raises(ConfigError) as raised:
        parse(
            {
                "project": "Demo",
                "colour": "red",
                "memroy": "2GiB",
                "data_class": "secret",
                "cpu": "many",
                "network": {"cidr": "10.77.0.1/24", "egres": []},
                "users": [
                    {"name": "root", "ssh_keys": ["operator", "nonsense", 3]},
                    {"name": "ada"},
                    {"name": "ada", "ssh_keys": ["operator"]},
                ],
                "data_volumes": [{"name": "root", "size": "2GB", "mount": "/etc/data"}],
                "gpus": 1,
                "hosts": ["gpu1"],
                "appliance": {"memory": "512MiB", "token": "hvs.secret"},
                "ttl": "1m",
                "tags": {"a": 1},
            },
            source="stacks/Pulumi.demo.yaml",
        )
    assert str(raised.value) == snapshot


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"network": {}}, "network.cidr"),
        ({"network": "10.0.0.0/24"}, "network"),
        ({"users": []}, "users"),
        ({"users": [{"name": "ada", "ssh_keys": ["operator", "x"]}]}, "users[0].ssh_keys[1]"),
        ({"appliance": {"data": "1MiB"}}, "appliance.data"),
        ({"owner": "ada"}, "owner"),
        ({"purpose": "x"}, "purpose"),
        ({"cpu": 0}, "cpu"),
        ({"cpu": 2.5}, "cpu"),
        ({"cpu": 10**30}, "cpu"),
        ({"backend": "aws"}, "backend"),
        ({"acceleration": "xen"}, "acceleration"),
    ],
)
def test_the_key_is_the_dotted_path(changes: dict[str, Any], key: str) -> None:
    problem = only(**changes)
    assert problem.key == key
    assert problem.message
    assert problem.remedy


@pytest.mark.parametrize(
    ("key", "meant"),
    [("memroy", "memory"), ("user", "users"), ("data-class", "data_class"), ("TTL", None)],
)
def test_did_you_mean(key: str, meant: str | None) -> None:
    problem = only(**{key: "x"})
    assert "is not a key" in problem.message
    assert (f"did you mean {meant!r}?" if meant else "known here: project") in problem.remedy


def test_bounds_of_sizes_are_sizes() -> None:
    problem = only(appliance={"memory": "512MiB"})
    assert str(problem).startswith(
        "appliance.memory = 512MiB: is too small, expected at least 1536MiB;"
    )


def test_bounds_of_numbers_written_as_text_are_numbers() -> None:
    assert only(cpu="0").message == "is too small, expected at least 1"


def test_did_you_mean_inside_a_section() -> None:
    problem = only(users=[{"name": "ada", "ssh_keys": ["operator"], "principal": ["a"]}])
    assert problem.key == "users[0].principal"
    assert "'principals'" in problem.remedy


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("password", "hunter2"),
        ("vault_token", "abc"),
        ("note", "hvs.CAESIabcdef"),
        ("note", "-----BEGIN OPENSSH PRIVATE KEY-----"),  # pragma: allowlist secret
        ("note", "AGE-SECRET-KEY-1ABC"),
    ],
)
def test_what_may_be_a_secret_is_not_shown(key: str, value: str) -> None:
    problem = only(**{key: value})
    assert value not in str(problem)
    assert problem.value == "********"


def test_a_private_key_in_the_wrong_place_is_not_shown() -> None:
    private = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk"  # pragma: allowlist secret
    problem = only(users=[{"name": "ada", "ssh_keys": [private]}])
    assert "b3Blbn" not in str(problem)


def test_nothing_in_a_file_moves_the_cursor() -> None:
    problem = only(**{"a\nb\x1b[2J": "c\x1b[1A\r"})
    assert str(problem).startswith("a b?[2J = c?[1A: is not a key")


@pytest.mark.parametrize("raw", [None, [], "text", 3])
def test_what_is_no_mapping(raw: object) -> None:
    (problem,) = refused(raw)
    assert "expected a mapping" in problem.message


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.dates(),
    st.datetimes(),
)  # fmt: skip
KEYS = st.one_of(
    st.sampled_from([*StackFile.model_fields, "name", "mount", "cidr"]), st.text(max_size=5)
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(KEYS, st.integers(), st.booleans()), inner, max_size=4),
    ),
    max_leaves=12,
)


@given(ANYTHING)
def test_nothing_but_config_errors(raw: object) -> None:
    with pytest.raises(ConfigError):
        parse(raw, source="test")


@given(st.dictionaries(st.sampled_from(sorted(StackFile.model_fields)), ANYTHING, max_size=6))
def test_nothing_but_config_errors_beside_right_keys(changes: dict[str, Any]) -> None:
    found: tuple[Problem, ...] = ()
    try:
        accepted(**changes)
    except ConfigError as exc:
        found = exc.problems
    assert all(str(problem).count("\n") == 0 for problem in found)


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "Pulumi.demo.yaml"
    path.write_text(yaml.safe_dump({"config": {KEY: raw_stack_file()}, "encryptionsalt": "v1:x"}))
    assert load(path) == accepted()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("config: [", "line 1, column 10"),
        ("config:\n  a: 1\n  a: 2\n", "line 3, column 3: the key 'a' stands there twice"),
        ("config: !!python/object:os.system {}", "line 1, column 9"),
        ("config: {a: b: c}", "line 1"),
        ("a: \x00", "mend the YAML"),
        ("", "expected a mapping"),
        ("[1]", "a list of 1"),
        ("config: {}\n", f"config.{KEY}: is missing"),
        ("config:\n", f"config.{KEY}: is missing"),
        ("colour: red\n", "colour: is not a key of a Pulumi stack file"),
    ],
)
def test_a_file_that_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "Pulumi.demo.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as raised:
        load(path)
    assert said in str(raised.value)


def test_problems_of_both_levels_come_together(tmp_path: Path) -> None:
    path = tmp_path / "Pulumi.demo.yaml"
    path.write_text(yaml.safe_dump({"colour": 1, "config": {KEY: raw_stack_file(cpu=0)}}))
    with pytest.raises(ConfigError) as raised:
        load(path)
    assert [problem.key for problem in raised.value.problems] == ["colour", "cpu"]


def test_a_right_section_under_a_wrong_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "Pulumi.demo.yaml"
    path.write_text(yaml.safe_dump({"colour": 1, "config": {KEY: raw_stack_file()}}))
    with pytest.raises(ConfigError, match="colour"):
        load(path)


def test_a_file_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.other.yaml").write_text("")
    with pytest.raises(ConfigError, match="sandbox config init demo; there are: other"):
        load(tmp_path / "Pulumi.demo.yaml")


def test_a_file_in_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "Pulumi.demo.yaml"
    path.write_bytes("config: ä".encode("latin-1"))
    with pytest.raises(ConfigError, match="UTF-8"):
        load(path)
