"""The command line as a whole: its tree, and how mistakes end."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from sandbox_infra.cli import app as module
from sandbox_infra.errors import SandboxError
from sandbox_infra.site import Site
from tests.unit.cli.conftest import Call
from tests.unit.test_errors import every_error


def test_help(call: Call, snapshot: SnapshotAssertion) -> None:
    result = call("--help")
    assert result.exit_code == 0
    assert result.stdout == snapshot


@pytest.mark.parametrize(
    "command",
    [
        "up",
        "preview",
        "refresh",
        "destroy",
        "open",
        "ssh",
        "run",
        "logs",
        "drift",
        "image",
        "config",
    ],
)
def test_every_command_has_help(call: Call, command: str) -> None:
    result = call(command, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.stdout


def test_an_unknown_command(call: Call) -> None:
    result = call("upp")
    assert result.exit_code == 2
    assert "Did you mean 'up'" in result.stderr


def ended(monkeypatch: pytest.MonkeyPatch, error: BaseException | None) -> int | str | None:
    def play() -> None:
        if error is not None:
            raise error

    monkeypatch.setattr(module, "app", play)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit) as raised:
        module.main()
    return raised.value.code


@pytest.mark.parametrize(
    "kind", [one for one in every_error() if not one.__name__.startswith("_")]
)
def test_errors_end_with_their_exit_code(
    kind: type[SandboxError], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = kind.__new__(kind, "what and what to do")
    Exception.__init__(error, "what and what to do")
    assert ended(monkeypatch, error) == kind.exit_code
    assert capsys.readouterr().err == "error: what and what to do\n"


def test_success_and_interruption(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ended(monkeypatch, None) == 0
    assert ended(monkeypatch, KeyboardInterrupt()) == 130


def test_a_bug_leaves_a_file_and_no_traceback(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(monkeypatch, RuntimeError("bang")) == 1
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert "unexpected RuntimeError: bang" in said
    (path,) = (site.home / "log").glob("crash-*.log")
    assert str(path) in said
    assert "Traceback" in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_bug_outside_any_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nowhere() -> Site:
        raise OSError

    monkeypatch.setattr(Site, "locate", nowhere)
    assert ended(monkeypatch, RuntimeError("bang")) == 1
    assert "please report it" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
