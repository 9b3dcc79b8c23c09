"""The initramfs: one static program, the root disk's drivers and a script of a dozen lines."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Final

from sandbox_infra.errors import ImageError

MODULES: Final = ("kernel/drivers/virtio/virtio_pci.ko", "kernel/drivers/block/virtio_blk.ko")
"""What a virtio root disk needs; ext4 is built into Debian's kernels."""

_FILE, _FOLDER, _DEVICE = 0o100000, 0o040000, 0o020000
_CONSOLE: Final = (5, 1)


def write_initrd(root: Path, release: str, init: Path, target: Path) -> None:
    """Pack the initramfs for the kernel ``release`` of the tree ``root`` into ``target``.

    Raises:
        ImageError: The tree lacks the program or a module.
    """
    folder = root / "lib/modules" / release
    entries = [_entry(name, _FOLDER | 0o755) for name in ("bin", "dev", "modules", "proc", "root")]
    entries.append(_entry("dev/console", _DEVICE | 0o600, device=_CONSOLE))
    entries.append(_entry("init", _FILE | 0o755, init.read_bytes()))
    entries.append(_entry("bin/busybox", _FILE | 0o755, _read(root / "bin/busybox")))
    for position, module in enumerate(_loading_order(folder), start=10):
        name = f"modules/{position}-{Path(module).name}"
        entries.append(_entry(name, _FILE | 0o644, _read(folder / module)))
    entries.append(_entry("TRAILER!!!", 0))
    # The fastest to unpack of what every kernel reads; no time stamp, so it is reproducible.
    target.write_bytes(gzip.compress(b"".join(entries), mtime=0))


def _loading_order(folder: Path) -> list[str]:
    """Read modules.dep: each module behind all that it depends on."""
    lines = _read(folder / "modules.dep").decode().splitlines()
    needs = {name: rest.split() for name, _, rest in (line.partition(":") for line in lines)}
    order: list[str] = []
    for wanted in MODULES:
        # modules.dep names what is to be loaded first last.
        for module in (*reversed(needs.get(wanted, [])), wanted):
            if module not in order:
                order.append(module)
    return order


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as exc:
        msg = f"the image lacks {path.name!r}, which its initramfs needs; add its package"
        raise ImageError(msg) from exc


def _entry(name: str, mode: int, data: bytes = b"", device: tuple[int, int] = (0, 0)) -> bytes:
    """One member of a cpio archive in the kernel's "newc" format: 13 hexadecimal fields."""
    raw = name.encode() + b"\0"
    inode, owner, links, time, checksum = 0, 0, 1, 0, 0
    fields = (
        inode, mode, owner, owner, links, time, len(data), 0, 0, *device, len(raw), checksum,
    )  # fmt: skip
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + raw
    return _padded(head) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
