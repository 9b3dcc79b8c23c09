"""Which hypervisor is the local one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sandbox_infra.errors import HypervisorError
from sandbox_infra.hypervisor import hosts
from sandbox_infra.hypervisor.hosts import Host, local_host
from sandbox_infra.site import Site

LAB_URI = "qemu:///system?socket=/lab/run/libvirt-sock"


@pytest.fixture(name="site")
def fixture_site(tmp_path: Path) -> Site:
    return Site(project=tmp_path, home=tmp_path)


def with_lab(site: Site) -> None:
    site.lab.mkdir()
    (site.lab / "lab.json").write_text(json.dumps({"uri": LAB_URI, "netns": "sbx-1"}))


def answering(monkeypatch: pytest.MonkeyPatch, *uris: str) -> list[str]:
    asked: list[str] = []

    def answers(uri: str) -> bool:
        asked.append(uri)
        return uri in uris

    monkeypatch.setattr(hosts, "_answers", answers)
    return asked


def test_lab_comes_first(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with_lab(site)
    asked = answering(monkeypatch, LAB_URI, hosts.SYSTEM_URI)
    assert local_host(site) == Host(name="local", uri=LAB_URI, netns="sbx-1")
    assert asked == [LAB_URI]


def test_silent_lab_gives_way(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with_lab(site)
    asked = answering(monkeypatch, hosts.SYSTEM_URI)
    assert local_host(site) == Host(name="local", uri=hosts.SYSTEM_URI, netns=None)
    assert asked == [LAB_URI, hosts.SYSTEM_URI]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"uri": "x"}'])
def test_spoilt_note_gives_way(site: Site, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    site.lab.mkdir()
    (site.lab / "lab.json").write_text(text)
    answering(monkeypatch, hosts.SYSTEM_URI)
    assert local_host(site).uri == hosts.SYSTEM_URI


def test_without_a_lab_the_machines_own(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, LAB_URI, hosts.SYSTEM_URI)
    assert local_host(site).netns is None
    assert asked == [hosts.SYSTEM_URI]


@pytest.mark.parametrize("lab", [False, True])
def test_nobody_answers(site: Site, monkeypatch: pytest.MonkeyPatch, *, lab: bool) -> None:
    if lab:
        with_lab(site)
    answering(monkeypatch)
    with pytest.raises(HypervisorError, match="run: scripts/lab up"):
        local_host(site)


def test_asking_opens_a_connection() -> None:
    assert hosts._answers("test:///default")
    assert not hosts._answers("test:///no/such/file.xml")
