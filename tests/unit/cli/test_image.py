"""``sandbox image``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox_infra.errors import ImageError
from sandbox_infra.image import build as build_module
from sandbox_infra.image.manifest import PARTS, FileEntry, Manifest, describe
from sandbox_infra.site import Site
from tests.support.stack_files import NOW
from tests.unit.cli.conftest import Call


@pytest.fixture
def image(site: Site) -> Path:
    folder = site.images / "sandbox"
    folder.mkdir(parents=True)
    files: dict[str, FileEntry] = {}
    for part in PARTS:
        (folder / part).write_text(part)
        files[part] = describe(folder / part)
    Manifest(
        name="sandbox", recipe_hash="a" * 64, built_at=NOW, kernel="6.1.0-1-cloud-amd64",
        root_bytes=1 << 30, files=files,
    ).write(folder)  # fmt: skip
    return folder


def test_list_of_nothing(site: Site, call: Call) -> None:
    assert site
    assert "sandbox image build" in call("image", "list").stdout
    assert json.loads(call("image", "list", "--json").stdout) == []


def test_list(image: Path, call: Call) -> None:
    assert image
    assert call("image", "list").stdout.startswith("sandbox    2026-01-02 03:04")
    (found,) = json.loads(call("image", "list", "--json").stdout)
    assert found["name"] == "sandbox"


def test_inspect(image: Path, call: Call) -> None:
    assert image
    text = call("image", "inspect", "sandbox", "--verify").stdout
    assert "kernel  6.1.0-1-cloud-amd64" in text
    assert "every file is the one that was built" in text
    assert (
        json.loads(call("image", "inspect", "sandbox", "--json").stdout)["root_bytes"] == 1 << 30
    )


def test_a_damaged_image(image: Path, call: Call) -> None:
    (image / "vmlinuz").write_text("VMLINUZ")
    result = call("image", "inspect", "sandbox", "--verify")
    assert isinstance(result.exception, ImageError)


def test_an_image_that_is_none(site: Site, call: Call) -> None:
    assert site
    assert call("image", "inspect", "other").exit_code == 2
    assert isinstance(call("image", "inspect", "appliance").exception, ImageError)


def test_build(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[Any] = []

    def build(role: str, force: bool, on_progress: Callable[[str], None]) -> None:  # noqa: FBT001 - as the real one
        built.append((role, force))
        on_progress(f"{role}: unchanged")

    monkeypatch.setattr(build_module, "build", build)
    assert call("image", "build").stdout == "sandbox: unchanged\nappliance: unchanged\n"
    assert call("image", "build", "--force", "appliance").exit_code == 0
    assert built == [("sandbox", False), ("appliance", False), ("appliance", True)]
