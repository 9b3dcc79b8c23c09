"""The process door, with real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from sandbox_infra import process
from sandbox_infra.errors import ProcessError, ToolError

pytestmark = pytest.mark.integration


def test_run() -> None:
    done = process.run(["cat"], stdin="hello")
    assert (done.code, done.stdout, done.stderr) == (0, "hello", "")


def test_a_failure_has_its_output() -> None:
    with pytest.raises(ProcessError, match="exit code 3") as raised:
        process.run(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (raised.value.code, raised.value.stdout, raised.value.stderr) == (3, "out\n", "err\n")


def test_a_failure_may_be_looked_at() -> None:
    assert process.run(["false"], check=False).code == 1


def test_a_command_that_takes_too_long() -> None:
    with pytest.raises(ProcessError, match="timed out"):
        process.run(["sleep", "30"], timeout_s=0.1)


@pytest.mark.parametrize("door", [process.run, process.stream])
def test_a_program_that_is_not_there(door: object) -> None:
    assert callable(door)
    with pytest.raises(ToolError, match="scripts/install"):
        door(["no-such-program"])


def test_becoming_a_program_that_is_not_there() -> None:
    with pytest.raises(ToolError, match="scripts/install"):
        process.replace_process(["no-such-program"])


def test_stream_hands_over_lines(tmp_path: Path) -> None:
    out: list[str] = []
    err: list[str] = []
    done = process.stream(
        ["sh", "-c", "echo $WORD; echo b >&2; pwd; exit 4"],
        env={"WORD": "a"},
        cwd=tmp_path,
        on_output=out.append,
        on_error=err.append,
    )
    assert done.code == 4
    assert out == ["a", str(tmp_path)]
    assert err == ["b"]
    assert done.stdout == "\n".join(out)


def test_an_interrupt_is_forwarded_once_and_waited_for(tmp_path: Path) -> None:
    """The child gets one SIGINT, ends in its own order, and only then do we."""
    child = tmp_path / "child.sh"
    child.write_text('trap "echo got >>$1; sleep 0.3; echo ended >>$1; exit 0" INT\n'
                     "touch $1; while :; do sleep 0.05; done\n")  # fmt: skip
    script = textwrap.dedent(f"""
        import signal
        from sandbox_infra.process import stream
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            stream(["sh", {str(child)!r}, {str(tmp_path / "log")!r}])
        except KeyboardInterrupt:
            print("interrupted")
    """)
    parent = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    while not (tmp_path / "log").exists():
        time.sleep(0.05)
    # As a terminal does it: to everybody in the group.
    os.killpg(parent.pid, signal.SIGINT)
    out, _ = parent.communicate(timeout=20)
    assert out == "interrupted\n"
    assert (tmp_path / "log").read_text() == "got\nended\n"


def test_the_notebook_runner_shows_and_keeps_outputs(tmp_path: Path) -> None:
    source, result = tmp_path / "a.ipynb", tmp_path / "b.ipynb"
    texts = ("print('one')", "1 + 1", "1 / 0")
    cells: list[dict[str, Any]] = [
        {"cell_type": "code", "id": str(number), "source": text, "metadata": {}, "outputs": [],
         "execution_count": None}
        for number, text in enumerate(texts)
    ]  # fmt: skip
    whole = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
    source.write_text(json.dumps(whole))
    runner = Path(process.__file__).parent / "guest" / "notebook_runner.py"
    done = process.run(
        [sys.executable, runner, source, result],
        check=False,
        env={"JUPYTER_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)},
    )
    assert done.code == 1
    assert done.stdout == "one\n2\n"
    assert "ZeroDivisionError" in done.stderr
    assert len(json.loads(result.read_text())["cells"]) == 3
