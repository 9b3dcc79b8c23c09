"""A notebook, executed in the sandbox as its person and brought back."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from sandbox_infra.errors import GuestError
from sandbox_infra.guest.ssh import GuestConnection

RUNNER: Final = Path(__file__).with_name("notebook_runner.py")
MOST_BYTES: Final = 64 * 1024 * 1024
_WORK: Final = "work"


def companions(notebook: Path) -> tuple[Path, ...]:
    """What goes along with a notebook: modules and packages beside it, and its folder ``data``.

    Raises:
        GuestError: That is more than is sensible to copy.
    """
    found = tuple(sorted(_companions(notebook.parent)))
    size = sum(path.stat().st_size for path in found)
    if size > MOST_BYTES:
        msg = (
            f"beside {str(notebook)!r} lie {size >> 20} MiB to go along, at most "
            f"{MOST_BYTES >> 20} MiB are copied; move the data into the sandbox by sftp"
        )
        raise GuestError(msg)
    return found


def execute(
    guest: GuestConnection,
    notebook: Path,
    result: Path,
    *,
    timeout_s: float,
    on_output: Callable[[str], None],
) -> int:
    """Copy a notebook in, execute it there, and fetch it back with its outputs.

    Args:
        guest: The sandbox, logged in as the person who runs it.
        notebook: The notebook on this machine.
        result: Where the executed one goes on this machine.
        timeout_s: Seconds until it is stopped.
        on_output: Told what its cells print.

    Returns:
        The exit code: 0 when every cell went through.
    """
    folder = f"{_WORK}/{notebook.stem}"
    files = {f".{RUNNER.name}": RUNNER, notebook.name: notebook} | {
        str(path.relative_to(notebook.parent)): path for path in companions(notebook)
    }
    folders = {str(Path(folder, name).parent) for name in files}
    guest.run(f"mkdir -p {shlex.join(sorted(folders))}")
    for name, path in files.items():
        guest.put(path, f"{folder}/{name}")
    executed = f"{notebook.stem}.executed.ipynb"
    words = shlex.join(["python3", f".{RUNNER.name}", notebook.name, executed])
    done = guest.run(
        f"cd {shlex.quote(folder)} && rm -f {shlex.quote(executed)} && "
        f". /etc/profile.d/lab.sh && exec timeout {timeout_s:.0f} {words}",
        timeout_s=timeout_s + 30,
        check=False,
        on_output=on_output,
    )
    if done.code != 0 and done.stderr:
        on_output(done.stderr)
    if done.code in {0, 1}:
        guest.get(f"{folder}/{executed}", result)
    return done.code


def _companions(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.suffix == ".py" and path.is_file():
            yield path
        elif path.is_dir() and (path.name == "data" or (path / "__init__.py").is_file()):
            yield from _files(path)


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith(".") or part == "__pycache__" for part in parts)
        if path.is_file() and not path.is_symlink() and not hidden:
            yield path
