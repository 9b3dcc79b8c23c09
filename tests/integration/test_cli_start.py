"""The command starts at once: it imports what a command needs when that command runs."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.integration

HEAVY = ("pulumi", "paramiko", "libvirt", "hvac", "pydantic", "yaml")


def test_the_tree_loads_nothing_heavy() -> None:
    script = "import sys, sandbox_infra.cli.app; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert not set(HEAVY) & {name.partition(".")[0] for name in done.stdout.split()}


def test_help_takes_less_than_half_a_second() -> None:
    script = "from sandbox_infra.cli.app import main; main()"
    best = 9.0
    for _ in range(3):
        start = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-c", script, "--help"], capture_output=True, text=True, check=True
        )
        best = min(best, time.monotonic() - start)
    assert "Usage" in done.stdout
    assert best < 0.5
