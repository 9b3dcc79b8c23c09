"""Rules across keys, as pairs of accepted and refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_infra.config.rules import LONGEST_TTL, RULES, findings
from sandbox_infra.errors import Problem
from sandbox_infra.types import DataClass, format_duration
from tests.support.stack_files import raw_stack_file
from tests.unit.config.test_parse import ANYTHING


def assert_accepted(**changes: Any) -> None:
    assert findings(raw_stack_file(**changes)) == ()


def refused(**changes: Any) -> Problem:
    problems = findings(raw_stack_file(**changes))
    assert len(problems) == 1, problems
    return problems[0]


def user(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "ssh_keys": ["operator"], **more}


def volume(name: str, mount: str) -> dict[str, Any]:
    return {"name": name, "size": "1GiB", "mount": mount}


def test_people_differ() -> None:
    assert_accepted(users=[user("ada"), user("grace")])
    problem = refused(users=[user("ada"), user("grace"), user("ada")])
    assert problem.key == "users[2].name"
    assert "users[0]" in problem.message


def test_people_can_log_in() -> None:
    assert_accepted(users=[{"name": "ada", "principals": ["ada"]}])
    assert refused(users=[{"name": "ada", "ssh_keys": []}]).key == "users[0]"


def test_volumes_differ() -> None:
    assert_accepted(data_volumes=[volume("a", "/data/a"), volume("b", "/data/b")])
    twice = refused(data_volumes=[volume("a", "/data/a"), volume("a", "/data/b")])
    assert twice.key == "data_volumes[1].name"
    same = refused(data_volumes=[volume("a", "/data"), volume("b", "/data")])
    assert same.key == "data_volumes[1].mount"


def test_no_volume_is_the_root_disk() -> None:
    assert refused(data_volumes=[volume("root", "/data")]).key == "data_volumes[0].name"


@pytest.mark.parametrize("mount", ["/home", "/home/ada", "/data", "/srv/x", "/mnt/x", "/etcetera"])
def test_mounts(mount: str) -> None:
    assert_accepted(data_volumes=[volume("a", mount)])


@pytest.mark.parametrize(
    "mount",
    [
        "/",
        "//",
        "/etc",
        "/etc/x",
        "/usr/local",
        "/var/lib/x",
        "/proc",
        "//etc",
        "/home/../etc",
        "/lab",
    ],
)
def test_mounts_on_the_system(mount: str) -> None:
    assert "system's own" in refused(data_volumes=[volume("a", mount)]).message


@pytest.mark.parametrize(("mount", "plain"), [("/data/", "/data"), ("/data//x", "/data/x")])
def test_mounts_in_plain_form(mount: str, plain: str) -> None:
    assert refused(data_volumes=[volume("a", mount)]).remedy == f"write {plain}"


@pytest.mark.parametrize("data_class", list(DataClass))
def test_ttl_by_data_class(data_class: DataClass) -> None:
    longest = LONGEST_TTL[data_class]
    assert_accepted(data_class=data_class.value, ttl=format_duration(longest))
    problem = refused(data_class=data_class.value, ttl=format_duration(longest) + "1m")
    assert problem.key == "ttl"
    assert format_duration(longest) in problem.message


def test_more_sensitive_data_never_lives_longer() -> None:
    bounds = [LONGEST_TTL[one] for one in DataClass]
    assert bounds == sorted(bounds, reverse=True)


def test_the_shortest_ttl() -> None:
    assert_accepted(ttl="10m")
    assert refused(ttl="9m").key == "ttl"


def test_an_unknown_class_gets_the_lenient_bound() -> None:
    assert_accepted(data_class="unheard", ttl="365d")
    assert refused(data_class="unheard", ttl="366d").key == "ttl"


@pytest.mark.parametrize("wanted", ["30s", "59s", "13h"])
def test_ready_timeout(wanted: str) -> None:
    assert_accepted(ready_timeout="20m")
    assert len(findings(raw_stack_file(ready_timeout=wanted))) == (wanted == "13h")


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"gpus": 1}, "gpus"),
        ({"hosts": ["gpu1"]}, "hosts"),
        ({"hosts": ["local", "gpu1"]}, "hosts"),
        ({"network": {"cidr": "10.77.0.0/24", "egress": [{"domain": "x"}]}}, "network.egress"),
        ({"appliance": {"shared_with": ["other"]}}, "appliance.shared_with"),
    ],
)
def test_not_yet_available(changes: dict[str, Any], key: str) -> None:
    problem = refused(**changes)
    assert problem.key == key
    assert "not yet available" in problem.message


def test_what_is_off_is_available() -> None:
    assert_accepted(gpus=0, hosts=["local"], appliance={"shared_with": []})


@given(
    st.dictionaries(st.sampled_from(sorted(raw_stack_file() | {"gpus": 0, "hosts": 0})), ANYTHING)
)
def test_no_rule_ever_raises(raw: dict[str, Any]) -> None:
    for rule in RULES:
        list(rule(raw))
