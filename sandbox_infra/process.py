"""The one subprocess door: every command the product runs goes through here."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

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
