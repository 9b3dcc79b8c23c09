"""Waiting for a guest, with a clock and a console made of lists."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from sandbox_infra.errors import EnrolmentAlarm, GuestError
from sandbox_infra.guest.readiness import GRACE_SECONDS, wait_ready

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def console(*texts: str) -> Callable[[], str]:
    """A console that has grown by one text at each look."""
    grown = ["".join(texts[: end + 1]) for end in range(len(texts))]
    return lambda: grown.pop(0) if len(grown) > 1 else grown[0]


def line(words: str) -> str:
    return f"sandbox-infra: {words}\r\n"


def test_ready() -> None:
    clock = Clock()
    seen: list[str] = []
    state = wait_ready(
        console(
            line(f"host-key {KEY}"),
            line("progress volumes") + line("progress network"),
            "noise\n",
            line("ready"),
        ),
        timeout=timedelta(minutes=1),
        clock=clock,
        sleep=clock.sleep,
        on_progress=seen.append,
    )
    assert state.host_keys == (KEY,)
    assert seen == ["volumes", "network"]
    assert clock.now == 3


def test_a_ready_of_an_earlier_boot_does_not_count() -> None:
    clock = Clock()
    earlier = line("ready")
    with pytest.raises(GuestError, match="within 10m"):
        wait_ready(
            console(earlier),
            timeout=timedelta(minutes=10),
            clock=clock,
            sleep=clock.sleep,
            offset=len(earlier),
        )


def test_an_alarm_ends_it_at_once() -> None:
    clock = Clock()
    with pytest.raises(EnrolmentAlarm, match="accessor a1b2") as raised:
        wait_ready(
            console(line("alarm accessor a1b2 was used before") + line("ready")),
            timeout=timedelta(minutes=10),
            clock=clock,
            sleep=clock.sleep,
        )
    assert clock.now == 0
    assert "audit log" in str(raised.value)


def test_failures_are_named_together_with_the_last_words() -> None:
    clock = Clock()
    with pytest.raises(GuestError) as raised:
        wait_ready(
            console("kernel says\x1b[31m hello\n" + line("failed unit a"), line("failed unit b")),
            timeout=timedelta(minutes=10),
            clock=clock,
            sleep=clock.sleep,
        )
    assert clock.now == GRACE_SECONDS
    text = str(raised.value)
    assert "  unit a\n  unit b\n" in text
    assert "  | kernel says hello" in text


def test_time_is_up() -> None:
    clock = Clock()
    with pytest.raises(GuestError) as raised:
        wait_ready(
            console(line("progress volumes")),
            timeout=timedelta(seconds=30),
            clock=clock,
            sleep=clock.sleep,
        )
    assert clock.now == 30
    assert "'volumes'" in str(raised.value)
    assert "ready_timeout" in str(raised.value)


def test_a_guest_that_never_spoke() -> None:
    clock = Clock()
    with pytest.raises(GuestError, match="never started to boot"):
        wait_ready(console(""), timeout=timedelta(minutes=2), clock=clock, sleep=clock.sleep)


def test_a_console_that_shrinks_repeats_no_stage() -> None:
    """A machine that is started anew begins its log anew."""
    clock = Clock()
    seen: list[str] = []
    looks = [line("progress a") + line("progress b"), line("progress a"), line("ready")]
    wait_ready(
        lambda: looks.pop(0),
        timeout=timedelta(minutes=1),
        clock=clock,
        sleep=clock.sleep,
        on_progress=seen.append,
    )
    assert seen == ["a", "b"]
