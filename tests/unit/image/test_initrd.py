from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from sandbox_infra.errors import ImageError
from sandbox_infra.image.initrd import write_initrd

RELEASE = "6.1.0-1-cloud-amd64"
VIRTIO = "kernel/drivers/virtio"
DEPENDENCIES = f"""\
{VIRTIO}/virtio_ring.ko:
{VIRTIO}/virtio.ko: {VIRTIO}/virtio_ring.ko
{VIRTIO}/virtio_pci.ko: {VIRTIO}/virtio.ko {VIRTIO}/virtio_ring.ko
kernel/drivers/block/virtio_blk.ko: {VIRTIO}/virtio.ko {VIRTIO}/virtio_ring.ko
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    modules = tmp_path / "lib/modules" / RELEASE
    for line in DEPENDENCIES.splitlines():
        path = modules / line.split(":")[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(path.name)
    (modules / "modules.dep").write_text(DEPENDENCIES)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/busybox").write_bytes(b"\x7fELF odd length")
    (tmp_path / "init").write_text("#!/bin/busybox sh\n")
    return tmp_path


def _members(archive: bytes) -> dict[str, tuple[int, bytes]]:
    """Read a cpio archive of the kernel's format: name -> (mode, contents)."""
    members: dict[str, tuple[int, bytes]] = {}
    at = 0
    while True:
        assert archive[at : at + 6] == b"070701"
        fields = [int(archive[at + 6 + 8 * n : at + 14 + 8 * n], 16) for n in range(13)]
        mode, size, name_size = fields[1], fields[6], fields[11]
        name = archive[at + 110 : at + 110 + name_size - 1].decode()
        at += -(-(110 + name_size) // 4) * 4
        if name == "TRAILER!!!":
            assert at == len(archive)
            return members
        members[name] = (mode, archive[at : at + size])
        at += -(-size // 4) * 4


def _written(root: Path) -> bytes:
    target = root / "initrd.img"
    write_initrd(root, RELEASE, root / "init", target)
    return target.read_bytes()


def test_modules_come_behind_what_they_need(root: Path) -> None:
    names = sorted(name for name in _members(gzip.decompress(_written(root))) if ".ko" in name)
    assert [name.split("-", 1)[1] for name in names] == [
        "virtio_ring.ko", "virtio.ko", "virtio_pci.ko", "virtio_blk.ko",
    ]  # fmt: skip


def test_init_and_its_program_can_be_executed(root: Path) -> None:
    members = _members(gzip.decompress(_written(root)))
    assert members["init"] == (0o100755, b"#!/bin/busybox sh\n")
    assert members["bin/busybox"] == (0o100755, b"\x7fELF odd length")
    assert members["dev/console"][0] == 0o020600


def test_it_is_reproducible(root: Path) -> None:
    assert _written(root) == _written(root)


@pytest.mark.parametrize(
    "missing", ["bin/busybox", f"lib/modules/{RELEASE}/{VIRTIO}/virtio_pci.ko"]
)
def test_a_tree_without_the_parts_is_refused(root: Path, missing: str) -> None:
    (root / missing).unlink()
    with pytest.raises(ImageError, match=rf"lacks '{Path(missing).name}'.*add its package"):
        _written(root)
