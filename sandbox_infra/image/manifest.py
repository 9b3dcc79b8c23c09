"""The manifest beside a built image: what it was made from and the checksum of every file."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sandbox_infra.errors import ImageError
from sandbox_infra.types import Role

NAME: Final = "manifest.json"
ROOT: Final = "root.qcow2"
KERNEL: Final = "vmlinuz"
INITRD: Final = "initrd.img"
SBOM: Final = "sbom.cdx.json"
PARTS: Final = (ROOT, KERNEL, INITRD, SBOM)


class FileEntry(BaseModel):
    """Checksum and size in bytes of one file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=0)


class Manifest(BaseModel):
    """What ``manifest.json`` says.

    Attributes:
        name: The image's role.
        recipe_hash: Hash of everything the recipe consists of.
        built_at: When it was built, UTC.
        kernel: Release of its kernel, such as ``6.1.0-40-cloud-amd64``.
        root_bytes: Virtual size of the root disk in bytes.
        files: Every other file of the image by name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Role
    recipe_hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    built_at: datetime
    kernel: str
    root_bytes: int = Field(gt=0)
    files: dict[str, FileEntry]

    def write(self, folder: Path) -> None:
        """Write it into ``folder``."""
        (folder / NAME).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")


def describe(path: Path) -> FileEntry:
    """Read a file once for its checksum and size."""
    with path.open("rb") as source:
        found = hashlib.file_digest(source, "sha256").hexdigest()
    return FileEntry(sha256=found, size=path.stat().st_size)


def read(folder: Path, role: Role) -> Manifest:
    """Read the manifest of ``role`` in ``folder``.

    Raises:
        ImageError: It is missing, unreadable or of another image.
    """
    path = folder / NAME
    remedy = f"run: sandbox image build --force {role}"
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError as exc:
        msg = f"there is no {role!r} image in {folder}; run: sandbox image build {role}"
        raise ImageError(msg) from exc
    except ValidationError as exc:
        msg = f"the manifest {path} is damaged ({exc.error_count()} problems); {remedy}"
        raise ImageError(msg) from exc
    missing = [part for part in PARTS if part not in manifest.files]
    if manifest.name != role or missing:
        what = f"lacks {missing}" if missing else f"describes the image {manifest.name!r}"
        msg = f"the manifest {path} {what}; {remedy}"
        raise ImageError(msg)
    return manifest
