"""The exception tree: what it promises to the console and to callers."""

from __future__ import annotations

import pytest

from sandbox_infra import errors
from sandbox_infra.errors import (
    CheckError,
    ConfigError,
    EnrolmentAlarm,
    GuestError,
    Problem,
    ProcessError,
    SandboxError,
    ToolError,
)

PROBLEM = Problem(key="network.cidr", value="8", message="is wrong", remedy="write 10.77.0.0/24")


def every_error() -> list[type[SandboxError]]:
    return [
        one
        for one in vars(errors).values()
        if isinstance(one, type) and issubclass(one, SandboxError)
    ]


@pytest.mark.parametrize("error", every_error())
def test_every_error_has_an_exit_code(error: type[SandboxError]) -> None:
    assert 1 <= error.exit_code <= 9


def test_kinds_have_exit_codes_of_their_own() -> None:
    direct = [one for one in every_error() if one.__base__ is SandboxError]
    codes = [one.exit_code for one in direct if not one.__name__.startswith("_")]
    assert len(codes) == len(set(codes))


def test_the_tree_at_the_head_of_the_module_is_whole() -> None:
    drawn = errors.__doc__ or ""
    for one in every_error():
        if not one.__name__.startswith("_"):
            assert one.__name__ in drawn


def test_a_problem_on_one_line() -> None:
    assert str(PROBLEM) == "network.cidr = 8: is wrong; write 10.77.0.0/24"


def test_a_missing_value_is_not_shown() -> None:
    problem = Problem(key="ttl", value="", message="is missing", remedy="add it")
    assert str(problem) == "ttl: is missing; add it"


def test_every_problem_is_listed() -> None:
    error = ConfigError([PROBLEM, PROBLEM], source="stacks/Pulumi.demo.yaml")
    assert error.problems == (PROBLEM, PROBLEM)
    assert str(error).startswith("stacks/Pulumi.demo.yaml: the stack file has problems:\n  - ")
    assert str(error).count("\n") == 2


def test_a_refused_plan_says_that_nothing_was_created() -> None:
    assert "nothing was created" in str(CheckError([PROBLEM]))


def test_leaves_are_what_callers_may_expect() -> None:
    assert issubclass(ConfigError, ValueError)
    assert issubclass(EnrolmentAlarm, GuestError)
    assert issubclass(ProcessError, ToolError)


def test_a_process_error_shows_the_end_of_what_was_said() -> None:
    stderr = "\n".join(f"line {number}" for number in range(30))
    error = ProcessError(command="make it", code=2, stdout="", stderr=stderr)
    assert (error.code, error.stderr) == (2, stderr)
    assert str(error).startswith("command failed (exit code 2): make it\nline 15\n")
    assert str(error).endswith("line 29")


def test_a_process_that_took_too_long() -> None:
    error = ProcessError(command="wait", code=None, stdout="so far", stderr="")
    assert str(error) == "command failed (timed out): wait\nso far"
