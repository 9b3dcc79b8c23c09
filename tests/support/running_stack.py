"""A real stack on real VMs, driven as a user drives it: with ``pulumi`` and ``sandbox``."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
HOME = Path(os.environ.get("SANDBOX_HOME", ROOT / ".sandbox"))

Completed = subprocess.CompletedProcess[str]


def environment(**more: str) -> dict[str, str]:
    """What ``source .sandbox/activate`` gives."""
    return {
        **os.environ,
        "PATH": f"{HOME}/venv/bin:{HOME}/bin:{os.environ['PATH']}",
        "SANDBOX_HOME": str(HOME),
        "PULUMI_HOME": str(HOME / "pulumi-home"),
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(HOME / "site" / "passphrase"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "NO_COLOR": "1",
        **more,
    }


@dataclass
class RunningStack:
    """One stack of the tests.

    Attributes:
        name: Stack and project name.
        state: Folder of its Pulumi backend, apart from the user's.
        times: Seconds that each command took, for the summary.
    """

    name: str
    state: Path
    times: dict[str, float] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        """The stack file."""
        return ROOT / "stacks" / f"Pulumi.{self.name}.yaml"

    @property
    def env(self) -> dict[str, str]:
        """The environment of every command."""
        return environment(PULUMI_BACKEND_URL=f"file://{self.state}")

    def write(self, raw: Mapping[str, Any]) -> None:
        """Write the stack file, keeping what Pulumi noted in it."""
        known = yaml.safe_load(self.file.read_text()) if self.file.exists() else {}
        known["config"] = {"sandbox-infra:sandbox": dict(raw)}
        self.file.write_text(yaml.safe_dump(known))

    def command(self, *words: str, timeout_s: float = 1800) -> Completed:
        """Run a command in the project's folder; the time it took is kept."""
        start = time.monotonic()
        done = subprocess.run(
            words, cwd=ROOT, env=self.env, capture_output=True, text=True, timeout=timeout_s,
            check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        label = " ".join(words[:3])
        self.times[f"{len(self.times):02d} {label}"] = time.monotonic() - start
        return done

    def pulumi(self, *words: str, timeout_s: float = 1800) -> Completed:
        """Run plain pulumi on the stack."""
        verb, *rest = words
        automatic = ["--yes", "--non-interactive"] if verb in {"up", "destroy", "refresh"} else []
        return self.command(
            "pulumi", verb, *automatic, "-s", self.name, *rest, timeout_s=timeout_s
        )

    def started(self, *words: str) -> subprocess.Popen[str]:
        """Start a command in a process group of its own, for tests that kill it."""
        return subprocess.Popen(
            words,
            cwd=ROOT,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def init(self) -> None:
        """Make the stack."""
        self.state.mkdir(parents=True, exist_ok=True)
        done = self.command("pulumi", "stack", "init", self.name)
        assert done.returncode == 0, done.stderr

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs."""
        done = self.command("pulumi", "stack", "output", "--json", "-s", self.name)
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    def export(self) -> str:
        """The state, secrets encrypted, as it lies on disk."""
        return self.command("pulumi", "stack", "export", "-s", self.name).stdout

    def virsh(self, *words: str) -> Completed:
        """Look at the hypervisor with a tool that is not ours."""
        return self.command("virsh", "-c", self.uri(), *words)

    @staticmethod
    def uri() -> str:
        """Where libvirt listens."""
        lab = HOME / "lab" / "lab.json"
        return str(json.loads(lab.read_text())["uri"]) if lab.exists() else "qemu:///system"

    def remains(self) -> list[str]:
        """Every object of the stack that libvirt still knows."""
        found = []
        for kind, words in {
            "domain": ("list", "--all", "--name"),
            "network": ("net-list", "--all", "--name"),
            "pool": ("pool-list", "--all", "--name"),
            "filter": ("nwfilter-list",),
            "secret": ("secret-list",),
        }.items():
            listed = self.virsh(*words).stdout
            found += [
                f"{kind}: {line.strip()}" for line in listed.splitlines() if self.name in line
            ]
        return found

    def clear(self) -> None:
        """Take away whatever a failed run left; never the way a test asserts cleanliness."""
        if self.remains():
            self.pulumi("destroy", "--remove", timeout_s=300)
        for role in ("sandbox", "appliance"):
            self.virsh("destroy", f"sbx-{self.name}-{role}")
            self.virsh("undefine", f"sbx-{self.name}-{role}", "--nvram")
            self.virsh("nwfilter-undefine", f"sbx-{self.name}-{role}")
        self.virsh("net-destroy", f"sbx-{self.name}-lab")
        self.virsh("net-undefine", f"sbx-{self.name}-lab")
        for volume in self.virsh("vol-list", f"sbx-{self.name}").stdout.splitlines()[2:]:
            if volume.strip():
                self.virsh("vol-delete", volume.split()[0], "--pool", f"sbx-{self.name}")
        self.virsh("pool-destroy", f"sbx-{self.name}")
        self.virsh("pool-delete", f"sbx-{self.name}")
        self.virsh("pool-undefine", f"sbx-{self.name}")
        for line in self.virsh("secret-list").stdout.splitlines():
            if f" {self.name} " in line or f"sandbox-infra {self.name}" in line:
                self.virsh("secret-undefine", line.split()[0])
        self.file.unlink(missing_ok=True)
        shutil.rmtree(self.state, ignore_errors=True)
