"""A small recipe and a small built image, each in a folder of its own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from sandbox_infra.image import manifest as manifests
from sandbox_infra.image.manifest import PARTS, Manifest

COMMON = "packages: [openssh-server, sudo]\nmasked: [getty.target]\n"
SANDBOX = "size: 2GiB\npython: /opt/lab\npackages: [less, sudo]\nstrip: [/usr/share/man/*]\n"
RECIPE_HASH = "0" * 64


@pytest.fixture
def recipes(tmp_path: Path) -> Path:
    folder = tmp_path / "recipes"
    for role, text in (("common", COMMON), ("sandbox", SANDBOX)):
        (folder / role / "rootfs" / "etc").mkdir(parents=True)
        (folder / role / "recipe.yaml").write_text(text)
        (folder / role / "rootfs" / "etc" / f"{role}.conf").write_text(f"{role}\n")
    (folder / "sandbox" / "requirements.lock").write_text("hvac==2.4.0 --hash=sha256:00\n")
    return folder


def make_image(images: Path, recipe_hash: str = RECIPE_HASH) -> Path:
    """Write files that stand for an image, and the manifest that fits them."""
    folder = images / "sandbox"
    folder.mkdir(parents=True)
    for part in PARTS:
        (folder / part).write_text(f"contents of {part}\n")
    Manifest(
        name="sandbox",
        recipe_hash=recipe_hash,
        built_at=datetime(2026, 1, 2, tzinfo=UTC),
        kernel="6.1.0-1-cloud-amd64",
        root_bytes=2 << 30,
        files={part: manifests.describe(folder / part) for part in PARTS},
    ).write(folder)
    return folder


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    make_image(folder)
    return folder
