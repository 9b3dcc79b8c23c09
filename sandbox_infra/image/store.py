"""The images of this site: which there are, and whether they are what their manifests say."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from sandbox_infra.errors import ImageError
from sandbox_infra.image import manifest as manifests
from sandbox_infra.image.manifest import INITRD, KERNEL, ROOT, Manifest
from sandbox_infra.plan.model import ImageRef
from sandbox_infra.site import Site
from sandbox_infra.types import Role

ROLES: tuple[Role, ...] = get_args(Role)


def load(role: Role, images: Path | None = None) -> tuple[ImageRef, Path]:
    """Find an image: its reference for the plan, and the folder it lies in.

    Sizes are compared, contents are not: that is ``verify``.

    Raises:
        ImageError: It is missing or a file has another size than the manifest says.
    """
    folder = _folder(role, images)
    manifest = manifests.read(folder, role)
    for name, entry in manifest.files.items():
        size = _size(folder / name, role)
        if size != entry.size:
            raise _damaged(folder / name, f"{entry.size} bytes", f"{size} bytes", role)
    return _reference(manifest), folder


def verify(role: Role, images: Path | None = None) -> Manifest:
    """Read every file of an image and compare it with the manifest.

    Raises:
        ImageError: A file is missing or is not the one that was built.
    """
    folder = _folder(role, images)
    manifest = manifests.read(folder, role)
    for name, entry in manifest.files.items():
        _size(folder / name, role)
        found = manifests.describe(folder / name)
        if found.sha256 != entry.sha256:
            raise _damaged(folder / name, entry.sha256, found.sha256, role)
    return manifest


def inspect(role: Role, images: Path | None = None) -> Manifest:
    """Return what the manifest of an image says.

    Raises:
        ImageError: There is no such image.
    """
    return manifests.read(_folder(role, images), role)


def list_images(images: Path | None = None) -> tuple[Manifest, ...]:
    """Return the manifests of all images that are there."""
    return tuple(
        manifests.read(_folder(role, images), role)
        for role in ROLES
        if (_folder(role, images) / manifests.NAME).exists()
    )


def _folder(role: Role, images: Path | None) -> Path:
    return (images or Site.locate().images) / role


def _reference(manifest: Manifest) -> ImageRef:
    return ImageRef(
        name=manifest.name,
        root_sha256=manifest.files[ROOT].sha256,
        kernel_sha256=manifest.files[KERNEL].sha256,
        initrd_sha256=manifest.files[INITRD].sha256,
        root_bytes=manifest.root_bytes,
    )


def _size(path: Path, role: Role) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError as exc:
        msg = f"{path} is missing; run: sandbox image build --force {role}"
        raise ImageError(msg) from exc


def _damaged(path: Path, expected: str, found: str, role: Role) -> ImageError:
    return ImageError(
        f"{path} is not the file that was built: expected {expected}, found {found}; "
        f"run: sandbox image build --force {role}"
    )
