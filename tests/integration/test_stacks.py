"""The Automation API with the real pulumi, on a program without a single resource."""

from __future__ import annotations

import json
import os
import textwrap
from pathlib import Path

import pytest

from sandbox_infra import process
from sandbox_infra.errors import StackError, StackLockedError, ToolError
from sandbox_infra.lifecycle import stacks
from sandbox_infra.site import Site
from tests.support.running_stack import HOME
from tests.unit.lifecycle.test_outputs import RAW

pytestmark = pytest.mark.integration


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A project of its own with a state of its own, on the installed toolchain."""
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}/state")
    (tmp_path / "state").mkdir()
    (tmp_path / "stacks").mkdir()
    (tmp_path / "Pulumi.yaml").write_text(
        "name: sandbox-infra\nruntime: python\nstackConfigDir: stacks\n"
    )
    write_program(tmp_path, "")
    return Site(project=tmp_path, home=HOME)


def write_program(folder: Path, last: str) -> None:
    program = f"""
        import json, pulumi, time
        for key, value in json.loads({json.dumps(RAW)!r}).items():
            pulumi.export(key, value)
        {last}
    """
    (folder / "__main__.py").write_text(textwrap.dedent(program))


def lock(site: Site, host: str, pid: int) -> Path:
    folder = (
        site.project / "state" / ".pulumi" / "locks" / "organization" / "sandbox-infra" / "demo"
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "7b0e3a0c-0000-4000-8000-000000000000.json"
    held = {"pid": pid, "username": "root", "hostname": host, "timestamp": "2026-01-02T03:04:05Z"}
    path.write_text(json.dumps(held))
    return path


def test_the_life_of_a_stack(site: Site) -> None:
    lines: list[str] = []
    found = stacks.up(site, "demo", lines.append)
    assert found.users == ("ada", "grace")
    assert any("demo" in line for line in lines)
    assert stacks.outputs(site, "demo") == found
    assert stacks.guards(site, "demo") == {}
    stacks.preview(site, "demo")
    stacks.refresh(site, "demo")
    stacks.destroy(site, "demo")
    with pytest.raises(StackError, match="is not up"):
        stacks.outputs(site, "demo")
    assert (site.project / "stacks" / "Pulumi.demo.yaml").exists()


def test_a_stack_that_is_not_there(site: Site) -> None:
    for work in (stacks.outputs, stacks.guards, stacks.destroy, stacks.refresh):
        with pytest.raises(StackError, match="there is no stack 'demo'"):
            work(site, "demo")


def test_why_a_run_failed(site: Site) -> None:
    write_program(site.project, 'raise pulumi.RunError("the plan was refused: too large")')
    with pytest.raises(StackError, match="the plan was refused: too large") as raised:
        stacks.up(site, "demo")
    assert "Traceback" not in str(raised.value)


def test_a_lock_of_a_dead_run_is_taken_away(site: Site) -> None:
    stacks.up(site, "demo")
    left = lock(site, os.uname().nodename, 2**22 - 7)
    lines: list[str] = []
    stacks.up(site, "demo", lines.append)
    assert any("its lock is removed" in line for line in lines)
    assert not left.exists()


def test_a_lock_of_somebody_else_is_left_alone(site: Site) -> None:
    stacks.up(site, "demo")
    left = lock(site, "elsewhere", 1)
    with pytest.raises(StackLockedError, match=r"root@elsewhere \(process 1\).*pulumi cancel"):
        stacks.up(site, "demo")
    assert left.exists()


def test_an_interrupt_says_how_to_go_on(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    stacks.up(site, "demo")
    real = process.stream

    def interrupted(command: list[str], **more: object) -> process.Completed:
        if "up" in command:
            raise KeyboardInterrupt
        return real(command, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(process, "stream", interrupted)
    with pytest.raises(KeyboardInterrupt, match="go on with: sandbox up demo"):
        stacks.up(site, "demo")


def test_a_site_without_a_passphrase(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{HOME / 'bin'}:{os.environ['PATH']}")
    bare = Site(project=site.project, home=tmp_path / "bare")
    with pytest.raises(ToolError, match=r"passphrase.*scripts/install"):
        stacks.outputs(bare, "demo")
