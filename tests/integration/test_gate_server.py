"""The gate's asyncio shell: real sockets on loopback, fake channels behind."""

from __future__ import annotations

import asyncio
import os
import queue
import re
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import cast

import pytest

from sandbox_infra.cli.browser import _serve
from sandbox_infra.errors import GuestError
from sandbox_infra.guest.channels import Channels
from sandbox_infra.guest.gate import HEAD_LIMIT, GateServer
from tests.unit.guest.test_gate import COOKIE, a_gate, head

pytestmark = pytest.mark.integration


class EchoChannel:
    """A service that answers with what it gets; blocks like a real channel."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[bytes] = queue.Queue()
        self.closed = False

    def recv(self, nbytes: int, /) -> bytes:
        del nbytes
        return self._waiting.get(timeout=10)

    def sendall(self, s: bytes, /) -> None:
        self._waiting.put(s)

    def shutdown_write(self) -> None:
        self._waiting.put(b"")

    def close(self) -> None:
        self.closed = True
        self._waiting.put(b"")


def with_server(
    work: Callable[[str, int], Awaitable[None]],
    open_channel: Callable[[], EchoChannel] = EchoChannel,
) -> None:
    async def play() -> None:
        server = GateServer(a_gate(), open_channel)
        address = await server.start()
        found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/\?ticket=ticket-1", address)
        assert found
        try:
            await asyncio.wait_for(work(address, int(found[1])), timeout=20)
        finally:
            await server.stop()

    asyncio.run(play())


async def ask(port: int, data: bytes, *, end: bool = True) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    if end:
        writer.write_eof()
    answer = await reader.read()
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return answer


def test_server_ticket_then_cookie_then_bytes() -> None:
    channels: list[EchoChannel] = []

    def open_channel() -> EchoChannel:
        channels.append(EchoChannel())
        return channels[-1]

    async def work(_: str, port: int) -> None:
        welcome = await ask(port, head("/?ticket=ticket-1"))
        assert welcome.startswith(b"HTTP/1.1 303 ")
        assert channels == []
        request = head("/ws", COOKIE) + b"\x00\x01 raw bytes of an upgraded connection"
        assert await ask(port, request) == request
        assert await ask(port, head("/")) != b""

    with_server(work, open_channel)
    assert len(channels) == 1
    assert channels[0].closed


def test_server_carries_many_connections_at_once() -> None:
    async def work(_: str, port: int) -> None:
        request = head("/", COOKIE)
        answers = await asyncio.gather(*(ask(port, request) for _ in range(40)))
        assert set(answers) == {request}

    with_server(work)


def test_server_refuses_a_head_without_end() -> None:
    async def work(_: str, port: int) -> None:
        answer = await ask(port, b"GET / HTTP/1.1\r\nX: " + b"x" * (2 * HEAD_LIMIT), end=False)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")

    with_server(work)


def test_server_says_when_the_guest_does_not_answer() -> None:
    def refuse() -> EchoChannel:
        msg = "no SSH connection"
        raise GuestError(msg)

    async def work(_: str, port: int) -> None:
        answer = await ask(port, head("/", COOKIE))
        assert answer.startswith(b"HTTP/1.1 502 ")
        assert b"no SSH connection" in answer

    with_server(work, refuse)


def test_server_forgets_clients_that_go_away() -> None:
    async def work(_: str, port: int) -> None:
        _reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /")
        writer.close()
        assert (await ask(port, head("/"))).startswith(b"HTTP/1.1 403 ")

    with_server(work)


class FakeChannels:
    """Remembers which services were asked for."""

    def __init__(self) -> None:
        self.commands: list[str] = []
        self.closed = False

    def open(self, command: str) -> EchoChannel:
        self.commands.append(command)
        return EchoChannel()

    def close(self) -> None:
        self.closed = True


def test_open_prints_three_addresses_and_ends_with_ctrl_c(
    capsys: pytest.CaptureFixture[str],
) -> None:
    channels = FakeChannels()
    seen: list[str] = []

    async def play() -> None:
        task = asyncio.create_task(_serve(cast("Channels", channels), "demo", show_browser=False))
        while len(seen) < 3:
            await asyncio.sleep(0.01)
            seen.extend(
                re.findall(r"http://127\.0\.0\.1:\d+/\?ticket=\S+", capsys.readouterr().out)
            )
        for address in seen:
            port, ticket = re.findall(r":(\d+)/\?ticket=(\S+)", address)[0]
            welcome = await ask(int(port), head(f"/?ticket={ticket}"))
            (cookie,) = re.findall(rb"Set-Cookie: ([^;]+);", welcome)
            assert await ask(int(port), head("/", f"Cookie: {cookie.decode()}")) != b""
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.wait_for(task, timeout=10)

    asyncio.run(play())
    assert len(set(seen)) == 3
    assert channels.commands == [f"lab-connect {name}" for name in ("jupyter", "mlflow", "vault")]
    assert channels.closed
