"""Pools and volumes: golden images, small text files, console logs."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final

import libvirt

from sandbox_infra.errors import HypervisorError, ImageError
from sandbox_infra.hypervisor.connection import Hypervisor, is_missing
from sandbox_infra.plan.model import ImagePart, ImageRef

IMAGE_POOL: Final = "sbx-images"
POOL_ROOT: Final = "/var/lib/libvirt/images"
_CHUNK: Final = 1 << 20
_BUSY: Final = "has asynchronous jobs running"
_BUSY_SECONDS: Final = 60


def ensure_image(hypervisor: Hypervisor, image: ImageRef, folder: Path) -> dict[ImagePart, str]:
    """Upload the parts of a golden image that the hypervisor does not have.

    Args:
        hypervisor: Where to.
        image: The image; volumes bear its checksums in their names.
        folder: Where its files lie.

    Returns:
        Path on the hypervisor by part: root.qcow2, vmlinuz, initrd.img.

    Raises:
        ImageError: A file is not what its manifest says; nothing of it is kept.
    """
    pool = _image_pool(hypervisor)
    sums: dict[ImagePart, str] = {
        "root.qcow2": image.root_sha256,
        "vmlinuz": image.kernel_sha256,
        "initrd.img": image.initrd_sha256,
    }
    return {
        part: _ensure_part(
            hypervisor, pool, folder / part, name=image.volume_name(part), digest=digest
        )
        for part, digest in sums.items()
    }


def has_image(hypervisor: Hypervisor, image: ImageRef) -> bool:
    """Whether the hypervisor has the image's root disk already."""
    try:
        pool = hypervisor.raw.storagePoolLookupByName(IMAGE_POOL)
        pool.storageVolLookupByName(image.volume_name("root.qcow2"))
    except libvirt.libvirtError as exc:
        if is_missing(exc):
            return False
        raise
    return True


def _image_pool(hypervisor: Hypervisor) -> Any:  # noqa: ANN401 - libvirt has no types
    try:
        pool = hypervisor.raw.storagePoolLookupByName(IMAGE_POOL)
    except libvirt.libvirtError as exc:
        if not is_missing(exc):
            raise
        pool = hypervisor.raw.storagePoolDefineXML(
            f"<pool type='dir'><name>{IMAGE_POOL}</name>"
            f"<target><path>{POOL_ROOT}/{IMAGE_POOL}</path>"
            "<permissions><mode>0711</mode></permissions></target></pool>"
        )
        pool.build()
        pool.setAutostart(1)
    if not pool.isActive():
        pool.create()
    return pool


def _ensure_part(
    hypervisor: Hypervisor,
    pool: Any,  # noqa: ANN401 - libvirt has no types
    source: Path,
    *,
    name: str,
    digest: str,
) -> str:
    with source.open("rb") as file:
        # Another run of this site may be sending the same file: its volume is not ours to delete.
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            volume = pool.storageVolLookupByName(name)
        except libvirt.libvirtError as exc:
            if not is_missing(exc):
                raise
        else:
            # The mark lies beside the volume once its checksum was found right.
            if _has(pool, f"{name}.ok"):
                return str(volume.path())
            volume.delete()
        volume = _uploaded(hypervisor, pool, file, name=name, digest=digest)
    pool.createXML(f"<volume><name>{name}.ok</name><capacity>0</capacity></volume>")
    _refresh(pool)
    return str(volume.path())


def _has(pool: Any, name: str) -> bool:  # noqa: ANN401 - libvirt has no types
    return name in pool.listVolumes()


def _uploaded(
    hypervisor: Hypervisor,
    pool: Any,  # noqa: ANN401 - libvirt has no types
    file: BinaryIO,
    *,
    name: str,
    digest: str,
) -> Any:  # noqa: ANN401 - libvirt has no types
    """A new volume with the content of a file; nothing of it is kept if that is not right."""
    size = os.fstat(file.fileno()).st_size
    volume = pool.createXML(
        f"<volume><name>{name}</name><capacity>{size}</capacity><allocation>{size}</allocation>"
        "<target><format type='raw'/><permissions><mode>0644</mode></permissions></target>"
        "</volume>"
    )
    try:
        _check(file, _upload(hypervisor, volume, file, size), digest)
    except BaseException:
        # What went wrong first is what is to be told.
        with contextlib.suppress(libvirt.libvirtError):
            volume.delete()
        raise
    return volume


def _check(file: BinaryIO, found: str, wanted: str) -> None:
    if found != wanted:
        msg = (
            f"the golden image file {file.name!r} is refused: its checksum is {found}, its "
            f"manifest says {wanted}; run: sandbox image build --force"
        )
        raise ImageError(msg)


def _upload(hypervisor: Hypervisor, volume: Any, file: BinaryIO, size: int) -> str:  # noqa: ANN401
    total = hashlib.sha256()
    stream = hypervisor.raw.newStream(0)
    volume.upload(stream, 0, size, 0)
    try:
        while chunk := file.read(_CHUNK):
            total.update(chunk)
            _send(stream, chunk)
    except BaseException:
        with contextlib.suppress(libvirt.libvirtError):
            stream.abort()
        raise
    stream.finish()
    return total.hexdigest()


def _send(stream: Any, data: bytes) -> None:  # noqa: ANN401 - libvirt has no types
    """Send everything; libvirt may take a part only."""
    sent = 0
    while sent < len(data):
        sent += stream.send(data[sent:])


def read_volume_text(hypervisor: Hypervisor, pool: str, name: str) -> str:
    """Read a small text file of a pool; one that is not there (yet) is empty."""
    volume = _find(hypervisor.raw.storagePoolLookupByName(pool), name, busy_seconds=0)
    if volume is None:
        return ""
    stream = hypervisor.raw.newStream(0)
    volume.download(stream, 0, 0, 0)
    data = bytearray()
    while chunk := stream.recv(_CHUNK):
        data += chunk
    stream.finish()
    return data.decode(errors="replace").rstrip("\0")


def write_volume_text(hypervisor: Hypervisor, pool: str, name: str, text: str) -> None:
    """Write a small text file into a pool, readable by its owner only.

    One that is there is overwritten in its place, for a run that is killed between deleting and
    writing would lose it.
    """
    found = hypervisor.raw.storagePoolLookupByName(pool)
    data = text.encode()
    volume = _find(found, name)
    if volume is None:
        volume = found.createXML(
            f"<volume><name>{name}</name><capacity>{len(data)}</capacity>"
            "<target><format type='raw'/><permissions><mode>0600</mode></permissions></target>"
            "</volume>"
        )
    else:
        data = data.ljust(volume.info()[1], b"\0")
    stream = hypervisor.raw.newStream(0)
    volume.upload(stream, 0, len(data), 0)
    _send(stream, data)
    stream.finish()
    _refresh(found)


def delete_volume(hypervisor: Hypervisor, pool: str, name: str) -> None:
    """Delete a file of a pool; a file or pool that is gone already is fine.

    Older parts of a console log go with it: virtlogd begins a new file every two megabytes.
    """
    try:
        found = hypervisor.raw.storagePoolLookupByName(pool)
        _refresh(found)
        for known in found.listVolumes():
            if known == name or re.fullmatch(rf"{re.escape(name)}\.\d+", known):
                found.storageVolLookupByName(known).delete()
    except libvirt.libvirtError as exc:
        if not is_missing(exc):
            raise


def _find(pool: Any, name: str, busy_seconds: float = _BUSY_SECONDS) -> Any:  # noqa: ANN401
    """A volume, or ``None``; the pool looks for new files only when it does not know it."""
    for looked in (False, True):
        try:
            return pool.storageVolLookupByName(name)
        except libvirt.libvirtError as exc:
            if not is_missing(exc):
                raise
        if looked or not _refresh(pool, busy_seconds):
            break
    return None


def _refresh(
    pool: Any,  # noqa: ANN401 - libvirt has no types
    busy_seconds: float = _BUSY_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Let a pool look at its files; libvirt refuses that while it makes a volume there.

    Returns:
        Whether it did, within the time that it may be busy.
    """
    step = 0.2
    for attempt in range(int(busy_seconds / step) + 1):
        if attempt:
            sleep(step)
        try:
            pool.refresh()
        except libvirt.libvirtError as exc:
            if _BUSY not in str(exc):
                raise
        else:
            return True
    return False


def free_mib(hypervisor: Hypervisor) -> int:
    """Free space where pools are made, in MiB."""
    try:
        return int(_image_pool(hypervisor).info()[3]) >> 20
    except libvirt.libvirtError as exc:
        msg = f"the pool {IMAGE_POOL!r} cannot be made under {POOL_ROOT}: {exc}"
        raise HypervisorError(msg) from exc
