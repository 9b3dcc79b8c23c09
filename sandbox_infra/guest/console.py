"""The console protocol: what a guest says on its serial line before any network is trusted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

PREFIX: Final = "sandbox-infra: "
TAIL_LINES: Final = 20

_HOST_KEY: Final = re.compile(
    r"(ssh-ed25519|ecdsa-sha2-nistp(?:256|384|521)|ssh-rsa) [A-Za-z0-9+/]+={0,2}"
)
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
# CSI and OSC sequences, then whatever control characters are left; a console is hostile text.
_ESCAPES: Final = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_]"
)
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True, kw_only=True)
class ConsoleState:
    """What a guest has said so far.

    Attributes:
        host_keys: Its SSH host keys as ``type base64``, the newest last.
        progress: Stages that are done, in order.
        alarms: Enrolment tokens that had been used before.
        failures: What went wrong, one text each.
        ready: Whether everything of this boot is up.
        listener_cert: SHA-256, in hex, of OpenBao's certificate (appliance).
        tail: The last lines of the console, cleaned.
    """

    host_keys: tuple[str, ...] = ()
    progress: tuple[str, ...] = ()
    alarms: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    ready: bool = False
    listener_cert: str | None = None
    tail: tuple[str, ...] = ()


def parse(text: str) -> ConsoleState:
    """Read a console log; never raises, whatever a guest prints.

    A malformed host key or checksum is ignored: what is not there cannot be trusted by mistake.
    The last line counts only once its end has been printed.
    """
    lines = [clean(line) for line in re.split(r"\r*\n|\r", text)]
    said = list(_said(lines[:-1]))
    certificates = [rest for word, rest in said if word == "listener-cert"]
    shown = [line for line in lines if line.strip()]
    return ConsoleState(
        host_keys=tuple(
            rest for word, rest in said if word == "host-key" and _HOST_KEY.fullmatch(rest)
        ),
        progress=tuple(rest for word, rest in said if word == "progress" and rest),
        alarms=tuple(rest for word, rest in said if word == "alarm"),
        failures=tuple(rest for word, rest in said if word == "failed"),
        ready=any(word == "ready" for word, _ in said),
        listener_cert=next(
            (one for one in reversed(certificates) if _SHA256.fullmatch(one)), None
        ),
        tail=tuple(shown[-TAIL_LINES:]),
    )


def clean(line: str) -> str:
    """Take escape sequences and control characters out of a line."""
    return _CONTROLS.sub("", _ESCAPES.sub("", line)).rstrip()


def _said(lines: list[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        if line.startswith(PREFIX):
            word, _, rest = line.removeprefix(PREFIX).partition(" ")
            yield word, rest.strip()
