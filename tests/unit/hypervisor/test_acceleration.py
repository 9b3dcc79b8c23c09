"""Whether KVM works, and how long that answer is believed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sandbox_infra.hypervisor import acceleration
from sandbox_infra.hypervisor.acceleration import kvm_works
from sandbox_infra.site import Site


class Probe:
    """Answers, and counts how often it was asked."""

    def __init__(self) -> None:
        self.answer = True
        self.asked: list[Path] = []

    def __call__(self, kernel: Path) -> bool:
        self.asked.append(kernel)
        return self.answer


@pytest.fixture(name="site")
def fixture_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(acceleration, "_DEVICE", tmp_path / "kvm")
    monkeypatch.setattr(acceleration, "_BOOT_ID", tmp_path / "boot_id")
    (tmp_path / "kvm").touch()
    (tmp_path / "boot_id").write_text("first\n")
    site = Site(project=tmp_path, home=tmp_path / "home")
    kernel(site).parent.mkdir(parents=True)
    kernel(site).write_bytes(b"kernel")
    return site


@pytest.fixture(name="probe")
def fixture_probe(monkeypatch: pytest.MonkeyPatch) -> Probe:
    probe = Probe()
    monkeypatch.setattr(acceleration, "probe", probe)
    return probe


def kernel(site: Site) -> Path:
    return site.images / "sandbox" / "vmlinuz"


@pytest.mark.parametrize("answer", [False, True])
def test_answer_is_kept(site: Site, probe: Probe, *, answer: bool) -> None:
    probe.answer = answer
    assert kvm_works(site) is answer
    probe.answer = not answer
    assert kvm_works(site) is answer
    assert probe.asked == [kernel(site)]


def test_another_boot_asks_again(site: Site, probe: Probe, tmp_path: Path) -> None:
    assert kvm_works(site)
    (tmp_path / "boot_id").write_text("second\n")
    probe.answer = False
    assert not kvm_works(site)
    assert len(probe.asked) == 2


def test_another_kernel_asks_again(site: Site, probe: Probe) -> None:
    assert kvm_works(site)
    kernel(site).write_bytes(b"another kernel")
    probe.answer = False
    assert not kvm_works(site)
    assert len(probe.asked) == 2


@pytest.mark.parametrize("text", ["", "{", "[]", "{}"])
def test_spoilt_note_asks_again(site: Site, probe: Probe, text: str) -> None:
    site.lab.mkdir(parents=True)
    (site.lab / "kvm.json").write_text(text)
    assert kvm_works(site)
    assert kvm_works(site)
    assert len(probe.asked) == 1


def test_another_emulator_asks_again(
    site: Site, probe: Probe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kvm_works(site)
    (tmp_path / "qemu").touch()
    monkeypatch.setattr(shutil, "which", lambda _name: str(tmp_path / "qemu"))
    assert kvm_works(site)
    assert len(probe.asked) == 2


def test_without_device_or_kernel_nobody_asks(site: Site, probe: Probe, tmp_path: Path) -> None:
    (tmp_path / "kvm").unlink()
    assert not kvm_works(site)
    (tmp_path / "kvm").touch()
    kernel(site).unlink()
    assert not kvm_works(site)
    assert probe.asked == []
    assert not (site.lab / "kvm.json").exists()


@pytest.mark.parametrize(
    ("text", "alive"),
    [
        (b"", False),
        (b"Linux version 6.1\n", False),
        (b"Kernel panic - not syncing: no timer", False),
        (b"Freeing unused kernel image memory", True),
        (b"[    1.0] Run /init as init process", True),
        (b"Kernel panic - not syncing: VFS: Unable to mount root", True),
        (b"\xff\xfe noise \xff Run /init", True),
    ],
)
def test_words_of_a_living_kernel(tmp_path: Path, text: bytes, *, alive: bool) -> None:
    console = tmp_path / "console"
    assert not acceleration._came_alive(console)
    console.write_bytes(text)
    assert acceleration._came_alive(console) is alive


class Emulator:
    """Runs for a few looks."""

    def __init__(self, looks: int) -> None:
        self.looks = looks

    def running(self) -> bool:
        self.looks -= 1
        return self.looks >= 0


@pytest.mark.parametrize(
    ("text", "looks", "alive"),
    [("Run /init", 5, True), ("Run /init", 0, True), ("", 1, False), ("", 1 << 30, False)],
)
def test_probe_reads_the_console(
    monkeypatch: pytest.MonkeyPatch, text: str, looks: int, *, alive: bool
) -> None:
    @contextmanager
    def start(command: list[Any]) -> Iterator[Emulator]:
        serial = str(command[command.index("-serial") + 1])
        Path(serial.removeprefix("file:")).write_text(text)
        assert command[command.index("-accel") + 1] == "kvm"
        yield Emulator(looks)

    monkeypatch.setattr(acceleration, "start_quietly", start)
    assert acceleration.probe(Path("vmlinuz"), seconds=0.2) is alive
