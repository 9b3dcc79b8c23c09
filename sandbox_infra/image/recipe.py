"""Recipes: what a golden image is made of, and one hash over all of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from sandbox_infra.errors import ImageError
from sandbox_infra.types import Role, SizeMiB

FORMAT: Final = 1
"""Part of every recipe's hash: raise it when the builder itself changes what comes out."""

COMMON: Final = "common"
LOCK: Final = "requirements.lock"
CUSTOMIZE: Final = "customize.sh"


def _absolute(value: str) -> str:
    if not value.startswith("/") or ".." in Path(value).parts:
        msg = "expected an absolute path in the guest without '..'"
        raise ValueError(msg)
    return value


_Section = TypeVar("_Section", bound="CommonSection")
GuestPath = Annotated[str, AfterValidator(_absolute)]


class CommonSection(BaseModel):
    """What every image has; the keys of ``images/common/recipe.yaml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    packages: tuple[str, ...] = Field(default=(), description="Debian packages")
    masked: tuple[str, ...] = Field(default=(), description="systemd units that never start")
    enabled: tuple[str, ...] = Field(default=(), description="systemd units that start at boot")
    strip: tuple[GuestPath, ...] = Field(default=(), description="globs removed at the end")


class RoleSection(CommonSection):
    """What one image has besides; the keys of ``images/<role>/recipe.yaml``."""

    suite: str = Field(default="bookworm", description="Debian release")
    size: SizeMiB = Field(description="virtual size of the root disk")
    python: GuestPath | None = Field(default=None, description="virtual environment to make")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A whole recipe: the common part and the role's part put together.

    Attributes:
        folders: The folders it was read from, in the order in which they are applied.
        digest: SHA-256 over every file in them and the builder's format.
    """

    role: Role
    suite: str
    size_mib: int
    python: str | None
    packages: tuple[str, ...]
    masked: tuple[str, ...]
    enabled: tuple[str, ...]
    strip: tuple[str, ...]
    folders: tuple[Path, ...]
    digest: str


def load_recipe(role: Role, images: Path) -> Recipe:
    """Read and check the recipe of ``role`` under ``images``.

    Raises:
        ImageError: A file is missing or says something that is not understood.
    """
    folders = (images / COMMON, images / role)
    common = _read(folders[0], CommonSection)
    own = _read(folders[1], RoleSection)
    if own.python is not None and not (folders[1] / LOCK).is_file():
        msg = (
            f"{folders[1] / LOCK} is missing, but recipe.yaml wants python in {own.python!r}; "
            "make it with: uv pip compile --generate-hashes --python-version 3.11 "
            "requirements.in -o requirements.lock"
        )
        raise ImageError(msg)
    return Recipe(
        role=role,
        suite=own.suite,
        size_mib=own.size,
        python=own.python,
        packages=tuple(sorted({*common.packages, *own.packages})),
        masked=tuple(sorted({*common.masked, *own.masked})),
        enabled=tuple(sorted({*common.enabled, *own.enabled})),
        strip=(*common.strip, *own.strip),
        folders=folders,
        digest=digest(folders),
    )


def _read(folder: Path, kind: type[_Section]) -> _Section:
    path = folder / "recipe.yaml"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as exc:
        msg = f"the recipe {path} is missing; restore it from the project's source"
        raise ImageError(msg) from exc
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        msg = f"the recipe {path} is not YAML: {exc}; mend the line it names"
        raise ImageError(msg) from exc
    try:
        return kind.model_validate(content)
    except ValidationError as exc:
        raise ImageError(_explain(path, kind, exc)) from exc


def _explain(path: Path, kind: type[CommonSection], error: ValidationError) -> str:
    lines = [
        f"  - {'.'.join(str(part) for part in found['loc']) or 'the file'} = {found['input']!r}: "
        f"{found['msg'].lower()}"
        for found in error.errors()
    ]
    known = ", ".join(sorted(kind.model_fields))
    return "\n".join(
        (f"the recipe {path} has problems:", *lines, f"correct them; known keys: {known}")
    )


def digest(folders: tuple[Path, ...]) -> str:
    """Hash names, executable bits, link targets and contents of all files in ``folders``."""
    total = hashlib.sha256(f"sandbox-infra image format {FORMAT}\n".encode())
    for folder in folders:
        total.update(f"folder {folder.name}\n".encode())
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if path.is_symlink():
                total.update(f"link {name} {path.readlink()}\n".encode())
            elif path.is_file():
                sum_ = hashlib.sha256(path.read_bytes()).hexdigest()
                runs = bool(path.stat().st_mode & 0o100)
                total.update(f"file {name} {int(runs)} {sum_}\n".encode())
    return total.hexdigest()
