"""The one subprocess door: every command the product runs goes through here."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn

from sandbox_infra.errors import ProcessError, ToolError


@dataclass(frozen=True, kw_only=True)
class Completed:
    """What a command left: its exit code and its output as text."""

    code: int
    stdout: str
    stderr: str


def run(
    command: Sequence[str | Path],
    *,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout_s: float | None = 600,
    check: bool = True,
) -> Completed:
    """Run a command to its end.

    Args:
        command: The program and its arguments; never a shell line, never a secret.
        stdin: Text for its standard input; the way to hand it a secret.
        env: Variables on top of the present environment.
        cwd: Where it runs.
        timeout_s: Seconds until it is killed; ``None`` for no limit.
        check: Whether a non-zero exit code raises.

    Raises:
        ToolError: The program is not installed.
        ProcessError: It failed or timed out.
    """
    words = [str(word) for word in command]
    shown = shlex.join(words)
    try:
        done = subprocess.run(
            words,
            input=stdin,
            env={**os.environ, **env} if env else None,
            cwd=cwd,
            timeout=timeout_s,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError as exc:
        msg = f"{words[0]!r} is not installed; run scripts/install"
        raise ToolError(msg) from exc
    except subprocess.TimeoutExpired as exc:
        raise ProcessError(
            command=shown, code=None, stdout=_text(exc.stdout), stderr=_text(exc.stderr)
        ) from exc
    if check and done.returncode != 0:
        raise ProcessError(
            command=shown, code=done.returncode, stdout=done.stdout, stderr=done.stderr
        )
    return Completed(code=done.returncode, stdout=done.stdout, stderr=done.stderr)


def _text(output: bytes | str | None) -> str:
    if isinstance(output, bytes):
        return output.decode(errors="replace")
    return output or ""


@dataclass(frozen=True, kw_only=True)
class Started:
    """A process in the background."""

    process: subprocess.Popen[bytes]

    def running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None


@contextmanager
def start_quietly(command: Sequence[str | Path]) -> Iterator[Started]:
    """Start a command whose output nobody needs; it is killed when the block ends.

    Raises:
        ToolError: The program is not installed.
    """
    words = [str(word) for word in command]
    try:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
    except FileNotFoundError as exc:
        msg = f"{words[0]!r} is not installed; run scripts/install"
        raise ToolError(msg) from exc
    try:
        yield Started(process=process)
    finally:
        process.kill()
        process.wait()


def replace_process(command: Sequence[str | Path]) -> NoReturn:
    """Become another program: it gets the terminal, and its exit code is ours.

    Raises:
        ToolError: The program is not installed.
    """
    words = [str(word) for word in command]
    try:
        os.execvp(words[0], words)  # noqa: S606 - no shell is what is wanted
    except FileNotFoundError as exc:
        msg = f"{words[0]!r} is not installed; run scripts/install"
        raise ToolError(msg) from exc


def stream(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    on_output: Callable[[str], None] | None = None,
    on_error: Callable[[str], None] | None = None,
) -> Completed:
    """Run a command to its end and hand over its lines as they come.

    It runs in a session of its own, so that Ctrl-C reaches it through us only, once: it ends in
    its own order. Ctrl-C again is forwarded again.

    Raises:
        ToolError: The program is not installed.
        KeyboardInterrupt: We were interrupted; by then the command has ended.
    """
    words = [str(word) for word in command]
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env={**os.environ, **env} if env else None,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except FileNotFoundError as exc:
        msg = f"{words[0]!r} is not installed; run scripts/install"
        raise ToolError(msg) from exc
    stdout: list[str] = []
    stderr: list[str] = []
    readers = [
        threading.Thread(target=_hand_over, args=(process.stdout, stdout, on_output)),
        threading.Thread(target=_hand_over, args=(process.stderr, stderr, on_error)),
    ]
    for reader in readers:
        reader.start()
    interrupted = _wait(process)
    for reader in readers:
        reader.join()
    if interrupted:
        raise KeyboardInterrupt
    return Completed(code=process.returncode, stdout="\n".join(stdout), stderr="\n".join(stderr))


def _wait(process: subprocess.Popen[str]) -> bool:
    """Wait for the end; an interrupt is forwarded. Returns whether there was one."""
    interrupted = False
    while True:
        try:
            process.wait()
        except KeyboardInterrupt:
            interrupted = True
            process.send_signal(signal.SIGINT)
        else:
            return interrupted


def _hand_over(lines: IO[str] | None, kept: list[str], told: Callable[[str], None] | None) -> None:
    for line in lines or ():
        kept.append(line.rstrip())
        if told is not None:
            told(kept[-1])
    if lines is not None:
        lines.close()
