"""Model files: what is saved comes back, and what was changed does not."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from examples.lab.artifact import TamperedError, check, load, save, sha256

ARRAYS = {"weights": np.arange(6, dtype=np.float32).reshape(2, 3), "bias": np.array([0.5])}


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, str]:
    path = tmp_path / "model.npz"
    return path, save(path, {"kind": "test", "alphabet": "ab\n'é"}, ARRAYS)


def test_what_is_saved_comes_back(saved: tuple[Path, str]) -> None:
    description, arrays = load(*saved)
    assert description == {"kind": "test", "alphabet": "ab\n'é"}
    assert set(arrays) == {"weights", "bias"}
    np.testing.assert_array_equal(arrays["weights"], ARRAYS["weights"])
    assert arrays["weights"].dtype == np.float32


def test_the_checksum_is_that_of_the_file(saved: tuple[Path, str]) -> None:
    path, checksum = saved
    assert checksum == sha256(path)
    assert len(checksum) == 64
    check(path, checksum)


@pytest.mark.parametrize("place", [0, 200, -1])
def test_one_changed_byte_is_found(saved: tuple[Path, str], place: int) -> None:
    path, checksum = saved
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(TamperedError, match=f"expected {checksum}; do not load it"):
        load(path, checksum)


def test_a_longer_file_is_found(saved: tuple[Path, str]) -> None:
    path, checksum = saved
    path.write_bytes(path.read_bytes() + b"\x00")
    with pytest.raises(TamperedError, match=r"model\.npz"):
        check(path, checksum)


def test_arrays_that_would_need_a_pickle_are_not_saved(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        save(tmp_path / "model.npz", {}, {"odd": np.array([{"a": 1}], dtype=object)})


def test_a_pickle_is_not_run_even_with_the_right_checksum(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    path.write_bytes(pickle.dumps({"weights": 1}))
    with pytest.raises(ValueError, match="pickled"):
        load(path, sha256(path))
