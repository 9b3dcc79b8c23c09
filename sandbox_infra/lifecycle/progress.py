"""What Pulumi prints, for people: its steps while it runs, its reasons when it fails."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_LOCK: Final = re.compile(r"created by (?P<user>\S+)@(?P<host>\S+) \(pid (?P<pid>\d+)\)")
_SECTION: Final = re.compile(r"^(Diagnostics|Outputs|Resources|Duration|Policies):?")
_HEADINGS: Final = ("Updating", "Destroying", "Refreshing", "Previewing", "View Live", "View in")
_KEPT_LINES: Final = 40
_GRPC: Final = "Exception calling application: "


class Steps:
    """Picks the lines that tell a step out of Pulumi's output."""

    def __init__(self) -> None:
        self._over = False

    def pick(self, line: str) -> str | None:
        """The line to show for a line printed; ``None`` for nothing."""
        if _SECTION.match(line.strip()) and not line.startswith("     "):
            self._over = True
        text = " ".join(line.split())
        if self._over or not text or text.startswith(("@", *_HEADINGS)):
            return None
        return text


def diagnostics(stdout: str, stderr: str) -> str:
    """Why a run failed, in Pulumi's and the program's own words."""
    found: list[str] = []
    inside = False
    for line in stdout.splitlines():
        if _SECTION.match(line):
            inside = line.startswith("Diagnostics")
        elif inside and line.strip():
            found.append(line.replace(_GRPC, ""))
    lines = found or (stderr or stdout).strip().splitlines()
    return "\n".join(lines[-_KEPT_LINES:])


@dataclass(frozen=True, kw_only=True)
class Lock:
    """Who holds a stack."""

    user: str
    host: str
    pid: int

    def is_stale(self, processes: Path = Path("/proc")) -> bool:
        """Whether it was left by a Pulumi of this machine that has ended."""
        if self.host != os.uname().nodename:
            return False
        try:
            name = (processes / str(self.pid) / "comm").read_text().strip()
        except OSError:
            return True
        return name != "pulumi"


def locks(text: str) -> tuple[Lock, ...]:
    """The locks that Pulumi's refusal names."""
    return tuple(
        Lock(user=one["user"], host=one["host"], pid=int(one["pid"]))
        for one in _LOCK.finditer(text)
    )
