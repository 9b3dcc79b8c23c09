"""Finding the project and what is its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox_infra.errors import ToolError
from sandbox_infra.site import Site

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "stacks" / "deep").mkdir(parents=True)
    (tmp_path / "Pulumi.yaml").write_text("name: sandbox-infra\n")
    monkeypatch.delenv("SANDBOX_HOME", raising=False)
    return tmp_path


def test_from_a_folder_upwards(project: Path) -> None:
    site = Site.locate(project / "stacks" / "deep")
    assert site.project == project
    assert site.home == project / ".sandbox"
    assert site.stack_file("demo") == project / "stacks" / "Pulumi.demo.yaml"


def test_home_may_be_elsewhere(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_HOME", "/srv/sandbox")
    site = Site.locate(project)
    assert site.home == Path("/srv/sandbox")
    assert site.handover("demo") == Path("/srv/sandbox/handover/demo")


def test_from_anywhere_the_package_knows_its_project(tmp_path: Path) -> None:
    assert Site.locate(tmp_path).project == ROOT


def test_the_public_key(project: Path) -> None:
    site = Site.locate(project)
    with pytest.raises(ToolError, match="scripts/install"):
        site.operator_public_text()
    public = site.operator_key.with_suffix(".pub")
    public.parent.mkdir(parents=True)
    public.write_text("ssh-ed25519 AAAA operator\n")
    assert site.operator_public_text() == "ssh-ed25519 AAAA operator"
