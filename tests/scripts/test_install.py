"""scripts/install: steps that are done once, survive an abort and say what went wrong."""

from __future__ import annotations

import os
import re
import shutil
import signal
import stat
import time
from pathlib import Path

import pytest

from tests.scripts.conftest import Project

# A step that counts its runs in `ran` and makes `made`.
STEP = 'work() { echo x >>ran; touch made; }; step work "%s" made work'


def runs(project: Project) -> int:
    """How often the step of STEP ran."""
    ran = project.root / "ran"
    return len(ran.read_text().splitlines()) if ran.exists() else 0


def wait_for(path: Path) -> None:
    """Wait until PATH is there; a step makes it when it has begun."""
    deadline = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.02)


def test_a_step_that_succeeded_is_not_run_again(project: Project) -> None:
    first = project.install(STEP % "v1")
    second = project.install(STEP % "v1")

    assert re.fullmatch(r"\[1/9\] work \.\.\. done in \d+\.\d s\n", first.out)
    assert second.out == "[1/9] work: nothing to do\n"
    assert runs(project) == 1


def test_a_step_is_run_again_for_other_inputs(project: Project) -> None:
    project.install(STEP % "v1")
    project.install(STEP % "v2")
    assert runs(project) == 2


def test_a_step_is_run_again_when_its_result_is_gone(project: Project) -> None:
    project.install(STEP % "v1")
    (project.root / "made").unlink()
    project.install(STEP % "v1")
    assert runs(project) == 2


def test_a_failed_step_says_which_why_and_how_to_go_on(project: Project) -> None:
    body = (
        'work() { echo "the cause"; false; echo unreached; }; step work v1 made work; echo after'
    )
    result = project.install(body)

    log = project.home / "log" / "install-work.log"
    assert result.code == 1
    assert "after" not in result.out
    assert "the cause" in result.err
    assert "unreached" not in result.err
    assert f"step 'work' failed; its whole output is in {log}" in result.err
    assert "run scripts/install again" in result.err
    assert not (project.home / "stamps" / "work").exists()


def test_a_step_that_failed_is_tried_again(project: Project) -> None:
    project.install('work() { false; }; step work "v1" made work')
    assert project.install(STEP % "v1").code == 0
    assert runs(project) == 1


def test_a_step_without_its_result_has_failed(project: Project) -> None:
    result = project.install('work() { :; }; step work "v1" made work')
    assert result.code == 1
    assert "no made was made" in result.err


def test_a_later_failure_forgets_an_older_success(project: Project) -> None:
    project.install(STEP % "v1")
    project.install('work() { false; }; step work "v2" made work')
    project.install(STEP % "v1")
    assert runs(project) == 2


def test_an_interrupt_ends_the_whole_step(project: Project) -> None:
    body = 'work() { bash -c "touch begun; sleep 30; touch survived"; }; step work v1 begun work'
    process = project.start(body)
    wait_for(project.root / "begun")
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=20)

    assert process.returncode == 130
    assert "interrupted in step work; run scripts/install again to go on" in err
    # The lock is free at once: nothing of the step is left to hold it.
    again = project.install(STEP % "v1")
    assert "waiting" not in again.out
    assert runs(project) == 1


def test_what_a_killed_run_left_is_waited_for(project: Project) -> None:
    body = "work() { touch begun; sleep 2; touch finished; }; step work v1 made work"
    process = project.start(body)
    wait_for(project.root / "begun")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=20)

    again = project.install(f"[ -e finished ] || exit 9; {STEP % 'v1'}")
    assert again.code == 0
    assert again.out.startswith("waiting for another scripts/install")
    assert runs(project) == 1


def test_the_site_keys_are_made_once_and_are_private(project: Project) -> None:
    assert project.install("site_secrets").code == 0
    site = project.home / "site"
    before = {path.name: path.read_bytes() for path in site.iterdir()}
    assert project.install("site_secrets").code == 0

    assert set(before) == {"passphrase", "operator_ed25519", "operator_ed25519.pub"}
    assert {path.name: path.read_bytes() for path in site.iterdir()} == before
    assert len(before["passphrase"].strip()) == 44
    for name in ("passphrase", "operator_ed25519"):
        assert stat.S_IMODE((site / name).stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["passphrase", "operator_ed25519.pub"])
def test_only_the_missing_key_is_made_again(project: Project, name: str) -> None:
    project.install("site_secrets")
    site = project.home / "site"
    kept = (site / "operator_ed25519").read_bytes()
    (site / name).unlink()
    assert project.install("site_secrets").code == 0

    assert (site / name).stat().st_size > 0
    assert (site / "operator_ed25519").read_bytes() == kept


@pytest.mark.parametrize("shell", ["bash", "dash"])
def test_activation_works_from_any_folder_and_twice(project: Project, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} on this machine")
    project.pretend_installed()
    project.program(
        "show", 'echo "$SANDBOX_HOME|$PULUMI_HOME|$PULUMI_CONFIG_PASSPHRASE_FILE|$PATH"'
    )
    script = project.root / "show"
    script.write_text(
        f'#!/usr/bin/env {shell}\nfile="$1"\nset --\n. "$file"\n. "$file"\nshow\n',
        encoding="utf-8",
    )
    script.chmod(0o755)
    result = project.run("show", str(project.home / "activate"), cwd=Path("/"))

    home = str(project.home)
    sandbox, pulumi, passphrase, path = result.out.strip().split("|")
    assert (sandbox, pulumi) == (home, f"{home}/pulumi-home")
    assert passphrase == f"{home}/site/passphrase"
    assert path.startswith(f"{home}/venv/bin:{home}/bin:")
    assert path.count(f"{home}/bin") == 1


def fake_pulumi(project: Project, version: str) -> Path:
    """A Pulumi with its Python host, as an administrator would have installed it."""
    folder = project.root / "machine"
    folder.mkdir()
    for name in ("pulumi", "pulumi-language-python"):
        (folder / name).write_text(f"#!/bin/sh\necho {version}\n")
        (folder / name).chmod(0o755)
    return folder


@pytest.mark.parametrize(
    ("version", "is_used"), [("v3.259.0", True), ("v3.300.1", True), ("v3.99.0", False)]
)
def test_an_installed_pulumi_is_used_when_it_is_new_enough(
    project: Project, version: str, *, is_used: bool
) -> None:
    folder = fake_pulumi(project, version)
    result = project.install(f'PATH="{folder}:$PATH"; pulumi_found || true')
    assert result.out == (f"{folder}/pulumi" if is_used else "")


def test_an_installed_pulumi_without_its_python_host_is_not_used(project: Project) -> None:
    folder = fake_pulumi(project, "v3.300.0")
    (folder / "pulumi-language-python").unlink()
    assert project.install(f'PATH="{folder}:$PATH"; pulumi_found || true').out == ""


def test_our_own_pulumi_is_not_taken_for_the_machines(project: Project) -> None:
    for name in ("pulumi", "pulumi-language-python"):
        project.program(name, "echo v3.259.0")
    found = project.install('PATH="$BIN:/usr/bin:/bin"; pulumi_found || true')
    assert found.out == ""


def test_the_home_of_another_checkout_is_refused(project: Project, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / ".sandbox").mkdir(parents=True)
    (other / ".sandbox" / "project").write_text(f"{other}\n")
    result = project.run("scripts/install", SANDBOX_HOME=str(other / ".sandbox"))

    assert result.code == 1
    assert f"belongs to the project in {other}; unset SANDBOX_HOME" in result.err
    assert not (other / ".sandbox" / "stamps").exists()
