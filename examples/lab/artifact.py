"""Model files that cannot run code, and their checksums.

A pickle runs whatever its author put into it when it is loaded; a model that comes out of a
registry must not. Models are therefore kept as named arrays (numpy's .npz, pickling off) and a
description in JSON, both inside one file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Arrays = Mapping[str, npt.NDArray[Any]]
Description = Mapping[str, Any]

_DESCRIPTION = "description"


class TamperedError(ValueError):
    """A file is not the one whose checksum was recorded."""


def save(path: Path, description: Description, arrays: Arrays) -> str:
    """Write a model file and return its SHA-256 as hex text."""
    text = json.dumps(description, sort_keys=True).encode()
    everything = {**arrays, _DESCRIPTION: np.frombuffer(text, dtype=np.uint8)}
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **everything)
    return sha256(path)


def load(path: Path, expected_sha256: str) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Read a model file after its checksum was compared.

    Raises:
        TamperedError: If the file is not the one that was saved; nothing of it was parsed then.
    """
    check(path, expected_sha256)
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    description = json.loads(arrays.pop(_DESCRIPTION).tobytes())
    return description, arrays


def check(path: Path, expected_sha256: str) -> None:
    """Compare a file with its recorded checksum.

    Raises:
        TamperedError: If they differ.
    """
    found = sha256(path)
    if found != expected_sha256:
        msg = f"{path.name!r} has SHA-256 {found}, expected {expected_sha256}; do not load it"
        raise TamperedError(msg)


def sha256(path: Path) -> str:
    """SHA-256 of a file as hex text."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
