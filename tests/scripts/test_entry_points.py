"""scripts/{test,lint,up} and .ci/run: their arguments, and how they end."""

from __future__ import annotations

import pytest

from tests.scripts.conftest import Project

# A pytest that notes its arguments and ends as the file `unit` or `integration` says.
PYTEST = """
part=unit
case "$*" in *"-m integration"*) part=integration ;; esac
echo "pytest $*"
exit "$(cat $part 2>/dev/null || echo 0)"
"""


@pytest.fixture
def tested(project: Project) -> Project:
    """An installed project with a fake pytest."""
    project.pretend_installed()
    project.program("pytest", PYTEST)
    return project


@pytest.mark.parametrize(
    "command",
    [
        ("scripts/install", "--fast"),
        ("scripts/lint", "ruff"),
        ("scripts/test", "everything"),
        ("scripts/up", "--help"),
        ("scripts/up", "demo", "demo"),
    ],
)
def test_an_unknown_argument_ends_with_the_usage(
    project: Project, command: tuple[str, ...]
) -> None:
    result = project.run(*command)
    assert result.code == 2
    assert result.err.startswith(f"usage: {command[0]}")
    assert not project.home.exists()


@pytest.mark.parametrize("script", ["scripts/lint", "scripts/test"])
def test_without_an_installation_it_says_so(project: Project, script: str) -> None:
    result = project.run(script)
    assert (result.code, result.err) == (1, "error: not installed yet; run scripts/install\n")


def test_the_parallel_tests_run_before_the_serial_ones(tested: Project) -> None:
    result = tested.run("scripts/test")
    lines = [line for line in result.out.splitlines() if line.startswith("pytest")]
    assert result.code == 0
    assert lines == [
        "pytest -n 2 --dist loadfile -m not integration",
        "pytest -p no:xdist -m integration --durations=25",
    ]


@pytest.mark.parametrize(
    ("part", "word"), [("unit", "not integration"), ("integration", "-m integration")]
)
def test_one_part_can_be_chosen_and_arguments_go_on(tested: Project, part: str, word: str) -> None:
    result = tested.run("scripts/test", part, "-k", "two words")
    (line,) = [line for line in result.out.splitlines() if line.startswith("pytest")]
    assert word in line
    assert line.endswith("-k two words")


def test_a_failure_stops_it_and_keeps_its_code(tested: Project) -> None:
    (tested.root / "unit").write_text("1")
    result = tested.run("scripts/test")
    assert result.code == 1
    assert "-m integration" not in result.out


@pytest.mark.parametrize("part", ["unit", "integration"])
def test_no_tests_at_all_is_an_error(tested: Project, part: str) -> None:
    (tested.root / part).write_text("5")
    result = tested.run("scripts/test")
    assert (result.code, result.err) == (
        1,
        f"error: there are no {part} tests, and there should be\n",
    )


def test_a_selection_may_be_empty_in_one_part(tested: Project) -> None:
    (tested.root / "integration").write_text("5")
    assert tested.run("scripts/test", "-k", "fast").code == 0


def test_a_selection_of_nothing_is_an_error(tested: Project) -> None:
    for part in ("unit", "integration"):
        (tested.root / part).write_text("5")
    result = tested.run("scripts/test", "-k", "nothing")
    assert (result.code, result.err) == (1, "error: no test was selected by: -k nothing\n")


def stub(project: Project, script: str, body: str) -> None:
    """Put BODY in the place of a script."""
    path = project.root / script
    path.write_text(f"#!/bin/bash\n{body}\n")
    path.chmod(0o755)


def test_ci_runs_the_scripts_in_order_with_no_input(project: Project) -> None:
    for name in ("install", "lint", "test"):
        stub(project, f"scripts/{name}", f"cat; echo {name} runs")
    result = project.run(".ci/run", cwd=project.root.parent)
    told = [line for line in result.out.splitlines() if "runs" in line]
    assert result.code == 0
    assert told == ["install runs", "lint runs", "test runs"]
    assert result.out.count("== ") == 3


def test_ci_stops_at_the_phase_that_failed(project: Project) -> None:
    stub(project, "scripts/install", "exit 0")
    stub(project, "scripts/lint", "exit 3")
    stub(project, "scripts/test", "echo must not run")
    result = project.run(".ci/run")
    assert result.code == 1
    assert "== lint FAILED" in result.err
    assert "must not run" not in result.out
