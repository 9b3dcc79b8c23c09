"""A project of its own for every test: the real scripts, a fake installation."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a script printed and how it ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, kw_only=True)
class Project:
    """A folder with a copy of scripts/ and, once installed, an ignored .sandbox/."""

    root: Path

    @property
    def home(self) -> Path:
        return self.root / ".sandbox"

    @property
    def env(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return kept | {"TMPDIR": str(self.root)}

    def run(self, *command: str, cwd: Path | None = None, **env: str) -> Result:
        """Run a script of the project by its path in it."""
        script, *arguments = command
        done = subprocess.run(
            [self.root / script, *arguments],
            cwd=cwd or self.root,
            env=self.env | env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return Result(code=done.returncode, out=done.stdout, err=done.stderr)

    def start(self, body: str) -> subprocess.Popen[str]:
        """Start BODY with the functions of scripts/install at hand."""
        return subprocess.Popen(
            ["bash", "-c", f". scripts/install; prepare; PATH=$PATH:$BIN; {body}"],
            cwd=self.root,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def install(self, body: str) -> Result:
        """Run BODY with the functions of scripts/install at hand."""
        process = self.start(body)
        try:
            out, err = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        return Result(code=process.returncode, out=out, err=err)

    def program(self, name: str, body: str) -> None:
        """Put a fake program where an installed project has its own."""
        path = self.home / "bin" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/bash\n{body}\n")
        path.chmod(0o755)

    def pretend_installed(self) -> None:
        """Leave behind what scripts/install does for the other scripts."""
        assert self.install("activation").code == 0


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project that nothing was installed in yet, in a folder whose name needs quotes."""
    root = tmp_path / "it's a project"
    root.mkdir()
    shutil.copytree(ROOT / "scripts", root / "scripts")
    shutil.copytree(ROOT / ".ci", root / ".ci")
    return Project(root=root)
