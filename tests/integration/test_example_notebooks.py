"""Both notebooks from end to end, in a network namespace that holds nothing but a loopback."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration

INSIDE = Path(__file__).parents[1] / "examples" / "inside.py"


def run(name: str, folder: Path) -> Any:
    """Run a notebook where no packet can leave, whatever the notebook tries."""
    script = 'ip link set lo up && exec "$0" "$@"'
    command = ["unshare", "--net", "sh", "-c", script]
    done = subprocess.run(
        [*command, sys.executable, str(INSIDE), name, str(folder)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_textgen(tmp_path: Path) -> None:
    said = run("textgen.ipynb", tmp_path)["text"]
    assert "connect 192.0.2.1 port 443" in said
    assert "epoch 8: perplexity" in said
    assert "the same model came back:" in said
    assert "--- temperature 0.7\nShall I compare " in said
    assert "5a5a5a5a" not in said  # the key


def test_classifier(tmp_path: Path) -> None:
    said = run("classifier.ipynb", tmp_path)["text"]
    assert "398 cases to learn from, 171 held out" in said
    assert "test_accuracy" in said
    assert "version 1" in said
