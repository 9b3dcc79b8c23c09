"""The gate: who passes, judged without I/O."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_infra.guest.gate import Gate
from sandbox_infra.secret import Secret


def a_gate() -> Gate:
    return Gate(service="jupyter", ticket=Secret("ticket-1"), cookie=Secret("cookie-1"))


def head(
    target: str = "/", *headers: str, method: str = "GET", host: str = "127.0.0.1:40000"
) -> bytes:
    lines = (f"{method} {target} HTTP/1.1", f"Host: {host}", *headers, "", "")
    return "\r\n".join(lines).encode()


COOKIE = "Cookie: sandbox-gate-jupyter=cookie-1"


def test_the_ticket_gives_a_cookie_and_dies() -> None:
    gate = a_gate()
    first = gate.judge(head("/?ticket=ticket-1"))
    assert not first.admitted
    assert first.answer.startswith(b"HTTP/1.1 303 ")
    assert b"Set-Cookie: sandbox-gate-jupyter=cookie-1; Path=/; HttpOnly; SameSite=Strict\r\n" in (
        first.answer
    )
    assert b"Location: /\r\n" in first.answer
    again = gate.judge(head("/?ticket=ticket-1"))
    assert again.answer.startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize(
    "request_head",
    [
        head("/lab", COOKIE),
        head("/api/x", "cookie: a=b; sandbox-gate-jupyter=cookie-1; c=d", method="POST"),
        head("/api/ws", COOKIE, "Upgrade: websocket", "Connection: Upgrade"),
        head("/", COOKIE, host="localhost:1"),
    ],
)
def test_the_cookie_passes(request_head: bytes) -> None:
    assert a_gate().judge(request_head).admitted


@pytest.mark.parametrize(
    "request_head",
    [
        head("/"),
        head("/?ticket="),
        head("/?ticket=ticket-2"),
        head("/?ticket=ticket-1&ticket=ticket-1"),
        head("/?ticket=ticket-1", method="POST"),
        head("/", "Cookie: sandbox-gate-jupyter=cookie-2"),
        head("/", "Cookie: sandbox-gate-jupyter="),
        head("/", "Cookie: sandbox-gate-mlflow=cookie-1"),
        head("/", "X-Cookie: sandbox-gate-jupyter=cookie-1"),
        head("/", COOKIE, host="evil.example:40000"),
        head("/?ticket=ticket-1", host="evil.example"),
        head("/", COOKIE, "Host: 127.0.0.1:1"),
        b"GET / HTTP/1.1\r\n" + COOKIE.encode() + b"\r\n\r\n",
    ],
)
def test_everybody_else_is_refused(request_head: bytes) -> None:
    gate = a_gate()
    verdict = gate.judge(request_head)
    assert not verdict.admitted
    assert verdict.answer.startswith(b"HTTP/1.1 403 ")
    assert b"cookie-1" not in verdict.answer
    assert gate.ticket is not None


def test_what_is_no_http_is_refused() -> None:
    assert a_gate().judge(b"\x16\x03\x01\r\n\r\n").answer.startswith(b"HTTP/1.1 400 ")


def test_every_gate_has_secrets_of_its_own_and_hides_them() -> None:
    one, other = Gate(service="a"), Gate(service="a")
    assert one.ticket is not None
    assert other.ticket is not None
    assert one.ticket.reveal() != other.ticket.reveal()
    assert one.cookie.reveal() not in repr(one)
    assert one.ticket.reveal() not in repr(one)


@given(st.binary(max_size=300))
def test_noise_never_passes_and_never_raises(noise: bytes) -> None:
    assert not a_gate().judge(noise + b"\r\n\r\n").admitted
