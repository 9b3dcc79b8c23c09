"""Waiting for a guest: it says that it is ready, or the run fails with its own last words."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from sandbox_infra.errors import EnrolmentAlarm, GuestError
from sandbox_infra.guest.console import ConsoleState, parse
from sandbox_infra.types import format_duration

POLL_SECONDS: Final = 1.0
GRACE_SECONDS: Final = 2.0
"""After a first failure: time for the guest to name the others of the same check."""


def _nothing(_: str) -> None:
    pass


def wait_ready(
    read_console: Callable[[], str],
    *,
    timeout: timedelta,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    on_progress: Callable[[str], None] = _nothing,
    offset: int = 0,
) -> ConsoleState:
    """Follow a console until the guest is ready.

    Args:
        read_console: Returns the whole console log as it is now.
        timeout: How long to wait at most.
        clock: Seconds that only grow.
        sleep: Waits that many seconds.
        on_progress: Told each new stage, once.
        offset: Characters of the log that belong to earlier boots: a ``ready`` in them is stale.

    Returns:
        What the guest said in this boot.

    Raises:
        EnrolmentAlarm: The enrolment token had been used before.
        GuestError: Something failed in the guest, or time is up.
    """
    deadline = clock() + timeout.total_seconds()
    seen = 0
    while True:
        state = parse(read_console()[offset:])
        for stage in state.progress[seen:]:
            on_progress(stage)
        seen = max(seen, len(state.progress))
        if state.alarms:
            raise EnrolmentAlarm(_alarm(state))
        if state.failures:
            sleep(GRACE_SECONDS)
            raise GuestError(_failed(parse(read_console()[offset:])))
        if state.ready:
            return state
        if clock() >= deadline:
            raise GuestError(_late(state, timeout))
        sleep(POLL_SECONDS)


def _alarm(state: ConsoleState) -> str:
    found = "\n".join(f"  {alarm}" for alarm in state.alarms)
    return (
        f"alarm: an enrolment token had been used before the guest used it:\n{found}\n"
        "somebody may hold this project's secrets: look for that accessor in OpenBao's audit log, "
        "revoke what was issued, then destroy the stack and bring it up anew"
    )


def _failed(state: ConsoleState) -> str:
    found = "\n".join(f"  {failure}" for failure in state.failures)
    return f"the guest did not become ready, it says:\n{found}\n{_last_words(state)}"


def _late(state: ConsoleState, timeout: timedelta) -> str:
    reached = state.progress[-1] if state.progress else "nothing"
    return (
        f"the guest did not become ready within {format_duration(timeout)}; the last stage it "
        f"reached is {reached!r}; raise ready_timeout if the host is slow\n{_last_words(state)}"
    )


def _last_words(state: ConsoleState) -> str:
    if not state.tail:
        return "its console is empty: it never started to boot"
    return "its last words:\n" + "\n".join(f"  | {line}" for line in state.tail)
