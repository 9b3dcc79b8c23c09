"""The project's own libvirtd, as far as it goes without starting one."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from sandbox_infra.errors import HypervisorError, ToolError
from sandbox_infra.hypervisor import lab as module
from sandbox_infra.hypervisor.lab import Lab, main


@pytest.fixture(name="lab")
def fixture_lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.setenv("SANDBOX_HOME", str(tmp_path))
    folder = tmp_path / "lab"
    (folder / "run").mkdir(parents=True)
    return Lab(folder=folder)


def test_namespace_is_stable_and_differs_by_folder() -> None:
    one, other = Lab(folder=Path("/one")), Lab(folder=Path("/other"))
    assert one.netns == Lab(folder=Path("/one")).netns == "sbx-" + one.netns[4:]
    assert one.netns != other.netns
    assert len(one.netns) <= 15


def test_uri_leads_to_the_socket(lab: Lab) -> None:
    assert lab.uri == f"qemu:///system?socket={lab.folder}/run/libvirt-sock"


def test_path_with_odd_characters_stays_one_path() -> None:
    uri = Lab(folder=Path("/my labs/a&b+c#d%e")).uri
    query = parse_qs(urlsplit(uri).query)
    assert query == {"socket": ["/my labs/a&b+c#d%e/run/libvirt-sock"]}
    assert " " not in uri


def test_settings_are_copied_but_no_objects(lab: Lab, tmp_path: Path) -> None:
    machine = tmp_path / "etc"
    for name in ("qemu.conf", "nwfilter/clean-traffic.xml", "secrets/key.base64",
                 "qemu/theirs.xml", "qemu/networks/default.xml", "storage/pool.xml"):  # fmt: skip
        (machine / name).parent.mkdir(parents=True, exist_ok=True)
        (machine / name).write_text(name)
    lab._settings(machine)
    copied = [file for file in (lab.folder / "etc").rglob("*") if file.is_file()]
    assert sorted(str(file.relative_to(lab.folder / "etc")) for file in copied) == [
        "nwfilter/clean-traffic.xml",
        "qemu.conf",
    ]


@pytest.mark.parametrize(("text", "known"), [
    ("", None), ("[", None), ("{}", None), ('{"devices": ""}', ""), ('{"devices": "/x"}', "/x"),
])  # fmt: skip
def test_devices_it_was_started_with(lab: Lab, text: str, known: str | None) -> None:
    (lab.folder / "lab.json").write_text(text)
    assert lab._started_with() == known


def test_missing_program_is_named(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ToolError, match="'virtlogd' is not installed"):
        lab.up()


def test_long_socket_path_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    room = module._SOCKET_LIMIT - len("/run/libvirt-sock")
    Lab(folder=Path("/" + "x" * (room - 1)))._check()
    with pytest.raises(HypervisorError, match="set SANDBOX_HOME"):
        Lab(folder=Path("/" + "x" * room)).up()


def test_only_root_may(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(HypervisorError, match="run it with sudo"):
        lab.up()


@pytest.mark.parametrize("text", ["", "words", "4194305", "-1"])
def test_useless_pid_file(lab: Lab, text: str) -> None:
    (lab.folder / "run" / "libvirtd.pid").write_text(text)
    assert lab.pid("libvirtd") is None


def test_foreign_process_is_not_the_daemon(lab: Lab) -> None:
    assert lab.pid("libvirtd") is None
    (lab.folder / "run" / "libvirtd.pid").write_text(f"{os.getpid()}\n")
    assert lab.pid("libvirtd") is None
    assert not lab.running()


def test_only_a_process_with_our_folder_is_the_daemon(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = Path(f"/proc/{os.getpid()}/comm").read_text().strip()
    (lab.folder / "run" / f"{name}.pid").write_text(f"{os.getpid()}\n")
    assert lab.pid(name) is None
    monkeypatch.setattr(Path, "samefile", lambda _ours, other: other == lab.folder / "run")
    assert lab.pid(name) == os.getpid()


def test_running_needs_every_daemon(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    alive = {"libvirtd": 7}
    monkeypatch.setattr(Lab, "pid", lambda _lab, daemon: alive.get(daemon))
    assert not lab.running()
    alive["virtlogd"] = 8
    assert lab.running()


def test_guests_are_not_stopped_unasked(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lab, "guests", lambda _lab: {"sbx-demo-sandbox": 7})
    with pytest.raises(HypervisorError, match=r"sbx-demo-sandbox; .*use --force"):
        lab.down()


def test_daemon_that_never_answers(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lab, "uri", "test:///no/such/file.xml")
    waits: list[float] = []
    with pytest.raises(HypervisorError, match="was started and does not answer"):
        lab._wait(waits.append)
    assert len(waits) == 300


def test_daemon_that_answers(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lab, "uri", "test:///default")
    lab._wait(lambda _seconds: pytest.fail("it answered at once"))


@pytest.mark.parametrize("words", [[], ["sideways"], ["up", "--force"], ["down", "up"]])
def test_usage(words: list[str], lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    assert not lab.running()
    assert main(words) == 2
    assert capsys.readouterr().err == "usage: scripts/lab up|down [--force]|status\n"


def test_status_of_no_lab(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    assert lab.guests() == {}
    assert main(["status"]) == 3
    assert capsys.readouterr().out == "not running\n"


def test_status_of_a_lab(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Lab, "running", lambda _lab: True)
    assert main(["status"]) == 0
    assert capsys.readouterr().out == f"running at {lab.uri}\n"


@pytest.mark.parametrize("words", [["down"], ["down", "--force"]])
def test_stopping_nothing(words: list[str], lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    (lab.folder / "lab.json").write_text("{}")
    assert main(words) == 0
    assert not (lab.folder / "lab.json").exists()
    assert capsys.readouterr().out == "libvirtd is stopped\n"


@pytest.mark.usefixtures("lab")
def test_error_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert main(["up"]) == HypervisorError.exit_code
    assert capsys.readouterr().err == "error: the lab needs root: run it with sudo\n"
