"""Commands on stacks, with the stack itself replaced."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from sandbox_infra import process
from sandbox_infra.cli import drift as drift_module
from sandbox_infra.errors import ConfigError, GuestError, StackError
from sandbox_infra.guest import notebook, ssh
from sandbox_infra.hypervisor import connection, domains, hosts, storage
from sandbox_infra.lifecycle import stacks
from sandbox_infra.site import Site
from tests.unit.cli.conftest import Call
from tests.unit.lifecycle.test_outputs import outputs

PINNED = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


@pytest.fixture(autouse=True)
def stack(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A stack that is up; returns what was done to it."""
    done: list[str] = []

    def worked(verb: str) -> Callable[..., Any]:
        def work(_: Site, name: str, on_line: Callable[[str], None]) -> Any:
            done.append(f"{verb} {name}")
            on_line("@ updating....")
            on_line(" +  sandbox:libvirt:Stack demo created")
            return outputs(expires_at="2099-01-01T00:00:00+00:00")

        return work

    for verb in ("up", "preview", "refresh", "destroy"):
        monkeypatch.setattr(stacks, verb, worked(verb))
    monkeypatch.setattr(
        stacks, "outputs", lambda *_: outputs(sandbox_host_key=PINNED, netns="sbx-lab")
    )
    return done


def test_up_shows_steps_and_the_summary(site: Site, call: Call, stack: list[str]) -> None:
    assert site
    result = call("up", "demo")
    assert result.exit_code == 0
    assert stack == ["up demo"]
    assert result.stdout.startswith("+ sandbox:libvirt:Stack demo created\n\ndemo is up\n")
    for word in ("sandbox open demo", "mlflow", "vault", "expires", "tcg"):
        assert word in result.stdout


def test_a_wrong_file_is_said_before_pulumi_starts(
    site: Site, call: Call, stack: list[str]
) -> None:
    site.stack_file("demo").write_text("config: {}\n")
    for verb in ("up", "preview"):
        assert isinstance(call(verb, "demo").exception, ConfigError)
    assert stack == []


def test_an_interrupted_up_says_how_to_go_on(
    site: Site, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert site

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt("go on with: sandbox up demo")  # noqa: EM101, TRY003 - as stacks does

    monkeypatch.setattr(stacks, "up", interrupted)
    result = call("up", "demo")
    assert result.exit_code == 130
    assert result.stderr == "go on with: sandbox up demo\n"


def test_destroy_wants_a_yes(site: Site, call: Call, stack: list[str]) -> None:
    assert site
    assert call("destroy", "demo").exit_code == 2
    assert stack == []
    assert call("destroy", "demo", "--yes").exit_code == 0
    assert call("refresh", "demo").exit_code == 0
    assert call("preview", "demo").exit_code == 0
    assert stack == ["destroy demo", "refresh demo", "preview demo"]


@pytest.fixture
def became(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    words: list[str] = []

    def replace_process(command: Sequence[str]) -> None:
        words.extend(command)

    monkeypatch.setattr(process, "replace_process", replace_process)
    return words


def test_ssh_becomes_openssh_with_the_pinned_key(
    site: Site, call: Call, became: list[str]
) -> None:
    result = call("ssh", "demo", "--", "ls", "-la", "--user", "x")
    assert result.exit_code == 0, result.exception
    assert became[:4] == ["ip", "netns", "exec", "sbx-lab"]
    assert became[-5:] == ["--", "ls", "-la", "--user", "x"]
    assert became[became.index("-l") + 1] == "ada"
    assert f"IdentityFile={site.operator_key}" in became
    known = site.home / "known-hosts" / "demo-sandbox"
    assert known.read_text().endswith(f"{PINNED}\n")


def test_ssh_as_somebody_else(site: Site, call: Call, became: list[str]) -> None:
    site.operator_key.unlink()
    assert call("ssh", "demo", "--user", "grace").exit_code == 0
    assert became[became.index("-l") + 1] == "grace"
    assert not any(word.startswith("IdentityFile") for word in became)


def test_ssh_as_nobody(site: Site, call: Call, snapshot: SnapshotAssertion) -> None:
    assert site
    result = call("ssh", "demo", "--user", "eve")
    assert isinstance(result.exception, GuestError)
    assert str(result.exception) == snapshot
    assert isinstance(
        call("ssh", "demo", "--guest", "appliance", "--user", "ada").exception, GuestError
    )
    assert call("ssh", "demo", "--guest", "elsewhere").exit_code == 2


@dataclass
class Connection:
    target: ssh.GuestTarget
    commands: list[str]

    def run(self, command: str, *, timeout_s: float, on_output: Callable[[str], None]) -> None:
        assert timeout_s > 0
        self.commands.append(f"{self.target.user}: {command}")
        on_output("a line\n")


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []

    @contextmanager
    def connect_guest(target: ssh.GuestTarget) -> Iterator[Connection]:
        yield Connection(target, found)

    monkeypatch.setattr(ssh, "connect_guest", connect_guest)
    return found


def test_logs_are_the_operators(site: Site, call: Call, commands: list[str]) -> None:
    assert site
    result = call("logs", "demo", "-n", "5")
    assert result.stdout == "a line\n"
    call("logs", "demo", "--guest", "appliance", "--follow")
    assert commands == [
        "operator: journalctl --no-pager --boot --lines=5",
        "operator: journalctl --no-pager --boot --lines=200 --follow",
    ]


@contextmanager
def connected(_: str) -> Iterator[object]:
    yield object()


def test_a_console_needs_no_outputs(
    site: Site, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_up(*_: Any) -> None:
        msg = "not up"
        raise StackError(msg)

    assert site
    host = hosts.Host(name="local", uri="test:///default", netns=None)
    monkeypatch.setattr(stacks, "outputs", not_up)
    monkeypatch.setattr(hosts, "local_host", lambda *_: host)
    monkeypatch.setattr(connection, "connect", connected)
    monkeypatch.setattr(
        storage, "read_volume_text", lambda _, pool, name: f"one\n\x1b[31m{pool}/{name}\r\n\n"
    )
    result = call("logs", "demo", "--console", "-n", "2")
    assert result.exit_code == 0, result.exception
    assert result.stdout == "sbx-demo/sandbox-console.log\n"


def test_run_a_notebook(
    site: Site, call: Call, commands: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ran: list[Any] = []

    def execute(guest: Connection, source: Path, result: Path, **_: Any) -> int:
        ran.append((guest.target.user, source, result))
        return 0 if source.stem == "fine" else 1

    assert commands == []
    monkeypatch.setattr(notebook, "execute", execute)
    (site.project / "examples").mkdir()
    for name in ("fine", "broken"):
        (site.project / "examples" / f"{name}.ipynb").write_text("{}")
    assert call("run", "demo", "fine").exit_code == 0
    assert call("run", "demo", "examples/broken.ipynb", "--output", "x.ipynb").exit_code == 1
    assert ran == [
        ("ada", tmp_path / "examples" / "fine.ipynb", Path("fine.executed.ipynb")),
        ("ada", tmp_path / "examples" / "broken.ipynb", Path("x.ipynb")),
    ]
    missing = call("run", "demo", "nothing")
    assert isinstance(missing.exception, ConfigError)
    assert "broken, fine" in str(missing.exception)


DEFINED = "<domain>\n  <devices/>\n</domain>"
CHANGED = "<domain>\n  <devices/>\n  <usb/>\n</domain>"


@pytest.fixture
def domain(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A domain that is as it was defined, until a test says otherwise."""
    now = {"digest": "a", "normal": f"{DEFINED}\n{DEFINED}"}
    guard = {"uri": "test:///default", "fingerprint": "a", "xml": DEFINED}
    monkeypatch.setattr(stacks, "guards", lambda *_: {"sbx-demo-sandbox": guard})
    monkeypatch.setattr(connection, "connect", connected)
    monkeypatch.setattr(domains, "normalise", lambda xml: xml)
    monkeypatch.setattr(
        domains,
        "fingerprint",
        lambda *_: domains.Fingerprint(digest=now["digest"], xml="", normal=now["normal"]),
    )
    return now


def test_no_drift(site: Site, call: Call, domain: dict[str, str]) -> None:
    assert site
    assert domain
    result = call("drift", "demo")
    assert (result.exit_code, result.stdout) == (0, "sbx-demo-sandbox: as defined\n")
    assert json.loads(call("drift", "demo", "--json").stdout) == {"sbx-demo-sandbox": []}


def test_drift(
    site: Site, call: Call, domain: dict[str, str], snapshot: SnapshotAssertion
) -> None:
    assert site
    domain |= {"digest": "b", "normal": f"{CHANGED}\n{DEFINED}"}
    result = call("drift", "demo")
    assert result.exit_code == 1
    assert result.stdout == snapshot
    assert json.loads(call("drift", "demo", "--json").stdout) == {
        "sbx-demo-sandbox": ["+  <usb/>"]
    }


def test_differences_of_the_running_one_are_seen_too() -> None:
    assert drift_module.differences(DEFINED, f"{DEFINED}\n{CHANGED}") == ["+  <usb/>"]
    assert drift_module.differences(DEFINED, f"{DEFINED}\n{DEFINED}") == []


def test_drift_of_nothing(site: Site, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    assert site
    monkeypatch.setattr(stacks, "guards", lambda *_: {})
    assert isinstance(call("drift", "demo").exception, StackError)
