from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from sandbox_infra.errors import ImageError
from sandbox_infra.image import store
from sandbox_infra.image.manifest import NAME, PARTS


def test_load_gives_the_reference_and_the_folder(images: Path) -> None:
    reference, folder = store.load("sandbox", images)
    entries = json.loads((images / "sandbox" / NAME).read_text())["files"]
    assert folder == images / "sandbox"
    assert reference.name == "sandbox"
    assert reference.root_bytes == 2 << 30
    assert reference.root_sha256 == entries["root.qcow2"]["sha256"]
    assert reference.kernel_sha256 == entries["vmlinuz"]["sha256"]
    assert reference.initrd_sha256 == entries["initrd.img"]["sha256"]


def test_verify_accepts_what_was_built(images: Path) -> None:
    assert store.verify("sandbox", images).name == "sandbox"


@pytest.mark.parametrize("part", PARTS)
def test_verify_refuses_changed_contents(images: Path, part: str) -> None:
    path = images / "sandbox" / part
    expected = json.loads((images / "sandbox" / NAME).read_text())["files"][part]["sha256"]
    changed = path.read_bytes().swapcase()
    path.write_bytes(changed)
    with pytest.raises(ImageError, match="is not the file that was built") as caught:
        store.verify("sandbox", images)
    message = str(caught.value)
    assert str(path) in message
    assert f"expected {expected}" in message
    assert "found " in message
    assert "sandbox image build --force sandbox" in message


@pytest.mark.parametrize("part", PARTS)
def test_load_refuses_another_size(images: Path, part: str) -> None:
    path = images / "sandbox" / part
    with path.open("ab") as file:
        file.write(b"more")
    with pytest.raises(ImageError, match=r"expected \d+ bytes, found \d+ bytes"):
        store.load("sandbox", images)


@pytest.mark.parametrize("part", PARTS)
def test_missing_file_is_refused(images: Path, part: str) -> None:
    (images / "sandbox" / part).unlink()
    for check in (store.load, store.verify):
        with pytest.raises(ImageError, match=rf"{part} is missing; run: sandbox image build"):
            check("sandbox", images)


def test_missing_image_says_how_to_build_it(images: Path) -> None:
    with pytest.raises(ImageError, match="run: sandbox image build appliance"):
        store.load("appliance", images)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "appliance"}, "describes the image 'appliance'"),
        ({"files": {}}, "lacks"),
        ({"recipe_hash": "short"}, "is damaged"),
        ({"root_bytes": 0}, "is damaged"),
        ({"extra": 1}, "is damaged"),
    ],
)
def test_wrong_manifest_is_refused(images: Path, change: dict[str, object], words: str) -> None:
    path = images / "sandbox" / NAME
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ImageError, match=words) as caught:
        store.load("sandbox", images)
    assert "sandbox image build --force sandbox" in str(caught.value)


def test_a_manifest_that_is_no_json_is_refused(images: Path) -> None:
    (images / "sandbox" / NAME).write_bytes(b"\xff{")
    with pytest.raises(ImageError, match="is damaged"):
        store.inspect("sandbox", images)


def test_list_has_what_is_there(images: Path, tmp_path: Path) -> None:
    assert [manifest.name for manifest in store.list_images(images)] == ["sandbox"]
    assert store.list_images(tmp_path / "nowhere") == ()


def test_inspect_does_not_read_the_files(images: Path) -> None:
    for part in PARTS:
        (images / "sandbox" / part).unlink()
    assert store.inspect("sandbox", images).kernel == "6.1.0-1-cloud-amd64"


def test_an_image_may_be_moved(images: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.move(images, moved)
    assert store.verify("sandbox", moved).name == "sandbox"
