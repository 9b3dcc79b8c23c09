"""Notebooks: what goes along, and the steps in the guest, on a fake connection."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from sandbox_infra.errors import GuestError
from sandbox_infra.guest import notebook
from sandbox_infra.guest.ssh import GuestConnection
from sandbox_infra.process import Completed

EXAMPLES = Path(__file__).parents[3] / "examples"


class FakeGuest:
    """Remembers what it was asked."""

    def __init__(self, code: int = 0, stderr: str = "") -> None:
        self.code, self.stderr = code, stderr
        self.commands: list[str] = []
        self.files: dict[str, bytes] = {}

    def run(
        self,
        command: str,
        stdin: str | None = None,
        *,
        timeout_s: float = 120,
        check: bool = True,
        on_output: Callable[[str], None] | None = None,
    ) -> Completed:
        del stdin, timeout_s
        self.commands.append(command)
        if check:
            return Completed(code=0, stdout="", stderr="")
        assert on_output
        on_output("epoch 1\n")
        return Completed(code=self.code, stdout="epoch 1\n", stderr=self.stderr)

    def put(self, local: Path, remote: str) -> None:
        self.files[remote] = local.read_bytes()

    def get(self, remote: str, local: Path) -> None:
        local.write_text(remote)


def execute(guest: FakeGuest, source: Path, result: Path, said: list[str]) -> int:
    return notebook.execute(
        cast("GuestConnection", guest), source, result, timeout_s=60, on_output=said.append
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    for name in ("pkg/__init__.py", "pkg/.hidden", "pkg/__pycache__/x.pyc", "data/d/x.csv",
                 "plain/x.txt", "module.py", "other.ipynb", "mine it.ipynb"):  # fmt: skip
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return folder / "mine it.ipynb"


def names(source: Path) -> list[str]:
    return [str(path.relative_to(source.parent)) for path in notebook.companions(source)]


def test_modules_packages_and_data_go_along(source: Path) -> None:
    assert names(source) == ["data/d/x.csv", "module.py", "pkg/__init__.py"]


def test_links_do_not_lead_out(source: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("secret")
    (source.parent / "data" / "link").symlink_to(tmp_path / "outside")
    assert "data/link" not in names(source)


def test_the_examples_have_what_they_import() -> None:
    found = names(EXAMPLES / "textgen.ipynb")
    assert "lab/__init__.py" in found
    assert "data/sonnets.txt" in found


def test_too_much_is_refused(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebook, "MOST_BYTES", 5)
    with pytest.raises(GuestError, match="sftp"):
        notebook.companions(source)


def test_a_notebook_that_goes_through(source: Path, tmp_path: Path) -> None:
    guest, said = FakeGuest(), list[str]()
    assert execute(guest, source, tmp_path / "out.ipynb", said) == 0
    assert said == ["epoch 1\n"]
    assert guest.commands[0] == (
        "mkdir -p 'work/mine it' 'work/mine it/data/d' 'work/mine it/pkg'"
    )
    assert guest.files["work/mine it/mine it.ipynb"] == b"mine it.ipynb"
    assert b"nbclient" in guest.files["work/mine it/.notebook_runner.py"]
    assert "cd 'work/mine it' && " in guest.commands[1]
    assert "timeout 60 python3 .notebook_runner.py 'mine it.ipynb'" in guest.commands[1]
    assert (tmp_path / "out.ipynb").read_text() == "work/mine it/mine it.executed.ipynb"


def test_a_cell_that_fails_comes_back_too(source: Path, tmp_path: Path) -> None:
    guest, said = FakeGuest(code=1, stderr="ValueError: x"), list[str]()
    assert execute(guest, source, tmp_path / "out.ipynb", said) == 1
    assert said[-1] == "ValueError: x"
    assert (tmp_path / "out.ipynb").exists()


def test_a_notebook_out_of_time_has_no_result(source: Path, tmp_path: Path) -> None:
    assert execute(FakeGuest(code=124), source, tmp_path / "out.ipynb", []) == 124
    assert not (tmp_path / "out.ipynb").exists()
