"""The exception tree. Every error a user can cause or meet is one of these.

SandboxError
├── ConfigError          the stack file is wrong (exit 2)
├── CheckError           the plan breaks a rule (exit 3)
├── ToolError            a program or file the machine needs is missing or failed (exit 4)
│   └── ProcessError     a command ended badly; carries its output
├── ImageError           a golden image is missing, damaged or refused (exit 5)
├── HypervisorError      libvirt is unreachable or refused a request (exit 6)
│   └── NameTakenError   an object of that name belongs to somebody else
├── GuestError           a guest did not become ready or could not be reached (exit 7)
│   ├── HostKeyError     the guest's host key is not the pinned one
│   └── EnrolmentAlarm   an enrolment token had been used before
├── ApplianceError       OpenBao or MLflow refused or failed (exit 8)
└── StackError           a Pulumi stack cannot be worked on (exit 9)
    └── StackLockedError another run holds the stack
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


class SandboxError(Exception):
    """Base of all errors; ``exit_code`` is what the console ends with."""

    exit_code: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing wrong with the user's input.

    Attributes:
        key: Dotted path of the key in the stack file, such as ``network.cidr``.
        value: What stands there, rendered for people; empty when the key is missing.
        message: What is wrong, lower-case.
        remedy: What to do about it.
    """

    key: str
    value: str
    message: str
    remedy: str

    def __str__(self) -> str:
        """One line: key, value, message, remedy."""
        shown = f" = {self.value}" if self.value else ""
        return f"{self.key}{shown}: {self.message}; {self.remedy}"


class _ProblemsError(SandboxError):
    """An error that reports every problem at once."""

    headline: ClassVar[str]

    def __init__(self, problems: Sequence[Problem], *, source: str = "") -> None:
        self.problems = tuple(problems)
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        where = f"{source}: " if source else ""
        super().__init__(f"{where}{self.headline}\n{lines}")


class ConfigError(_ProblemsError, ValueError):
    """The stack file is wrong."""

    exit_code = 2
    headline = "the stack file has problems:"


class CheckError(_ProblemsError):
    """The plan breaks a rule; nothing was created."""

    exit_code = 3
    headline = "the plan was refused, nothing was created:"


class ToolError(SandboxError):
    """A program or file that the machine needs is missing or failed."""

    exit_code = 4


class ProcessError(ToolError):
    """A command ended badly.

    Attributes:
        command: The command, already masked.
        code: Its exit code; negative for a signal, ``None`` when it timed out.
        stdout: What it printed.
        stderr: What it complained about.
    """

    def __init__(self, *, command: str, code: int | None, stdout: str, stderr: str) -> None:
        self.command, self.code, self.stdout, self.stderr = command, code, stdout, stderr
        ended = "timed out" if code is None else f"exit code {code}"
        tail = "\n".join((stderr or stdout).strip().splitlines()[-15:])
        super().__init__(f"command failed ({ended}): {command}\n{tail}".rstrip())


class ImageError(SandboxError):
    """A golden image is missing, damaged or refused."""

    exit_code = 5


class HypervisorError(SandboxError):
    """libvirt is unreachable or refused a request."""

    exit_code = 6


class NameTakenError(HypervisorError):
    """An object of that name belongs to somebody else; it was not touched."""


class GuestError(SandboxError):
    """A guest did not become ready or could not be reached."""

    exit_code = 7


class HostKeyError(GuestError):
    """The guest's host key is not the pinned one."""


class EnrolmentAlarm(GuestError):  # noqa: N818 - an alarm is what it is
    """An enrolment token had been used before: somebody else may hold the secrets."""


class ApplianceError(SandboxError):
    """OpenBao or MLflow refused or failed."""

    exit_code = 8


class StackError(SandboxError):
    """A Pulumi stack cannot be worked on."""

    exit_code = 9


class StackLockedError(StackError):
    """Another run holds the stack."""
