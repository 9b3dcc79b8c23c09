"""The console protocol, on text as hostile as a guest can make it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_infra.guest.console import TAIL_LINES, ConsoleState, clean, parse

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF"
SUM = "ab" * 32


def said(*lines: str) -> ConsoleState:
    return parse("".join(f"sandbox-infra: {line}\r\n" for line in lines))


def test_nothing_yet() -> None:
    assert parse("") == ConsoleState()


def test_a_whole_boot() -> None:
    state = said(
        f"host-key {KEY}",
        "progress volumes",
        "progress network up",
        f"listener-cert {SUM}",
        "ready",
    )
    assert state.host_keys == (KEY,)
    assert state.progress == ("volumes", "network up")
    assert state.listener_cert == SUM
    assert state.ready
    assert state.alarms == state.failures == ()


def test_the_newest_host_key_and_certificate_are_last() -> None:
    newer = KEY[:-1] + "G"
    state = said(
        f"host-key {KEY}",
        f"listener-cert {SUM}",
        f"host-key {newer}",
        f"listener-cert {'cd' * 32}",
    )
    assert state.host_keys[-1] == newer
    assert state.listener_cert == "cd" * 32


def test_alarms_and_failures_keep_their_words() -> None:
    state = said("alarm accessor x1 used before", "failed unit a failed", "failed cloud-init: b")
    assert state.alarms == ("accessor x1 used before",)
    assert state.failures == ("unit a failed", "cloud-init: b")
    assert not state.ready


@pytest.mark.parametrize(
    "key",
    ["", "ssh-ed25519", "ssh-dss AAAA", "ssh-ed25519 not*base64", f"{KEY} comment", "AAAA"],
)
def test_a_malformed_host_key_is_no_host_key(key: str) -> None:
    assert said(f"host-key {key}").host_keys == ()


@pytest.mark.parametrize("digest", ["", "ab", SUM.upper(), SUM + "0"])
def test_a_malformed_checksum_is_no_checksum(digest: str) -> None:
    assert said(f"listener-cert {digest}").listener_cert is None


@pytest.mark.parametrize(
    "line",
    [
        "kernel: sandbox-infra: ready",
        " sandbox-infra: ready",
        "sandbox-infra:ready",
        "sandbox-infra: readyish",
        "ready",
    ],
)
def test_only_whole_lines_of_the_protocol_count(line: str) -> None:
    assert not parse(f"{line}\n").ready


def test_a_line_counts_when_its_end_is_there() -> None:
    text = f"sandbox-infra: host-key {KEY}"
    assert parse(text).host_keys == ()
    assert parse(text + "\r\n").host_keys == (KEY,)


def test_colours_around_a_line_do_not_matter() -> None:
    assert parse("\x1b[0;32msandbox-infra: ready\x1b[0m\r\n").ready


def test_the_tail_is_cleaned_and_short() -> None:
    text = "\n".join(f"\x1b[31mline {number}\x07\x00" for number in range(50)) + "\n\n \n"
    tail = parse(text).tail
    assert tail == tuple(f"line {number}" for number in range(50 - TAIL_LINES, 50))


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b]0;title\x07text", "text"),
        ("\x1b[2J\x1b[1;1Htext", "text"),
        ("a\x9bb\x7f", "ab"),
        ("tab\tstays", "tab\tstays"),
    ],
)
def test_cleaning(raw: str, shown: str) -> None:
    assert clean(raw) == shown


@given(st.text())
def test_never_raises_and_never_shows_controls(text: str) -> None:
    state = parse(text)
    assert len(state.tail) <= TAIL_LINES
    assert not any(char < " " and char != "\t" for line in state.tail for char in line)


@given(st.text(alphabet=st.characters(exclude_characters="\r\n")))
def test_a_failure_comes_through_as_it_was_cleaned(text: str) -> None:
    found = said(f"failed x{text}").failures
    assert len(found) == 1
    assert found[0].startswith("x")
