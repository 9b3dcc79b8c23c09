"""The gate before a guest's services: a one-time ticket, then a cookie, then plain bytes.

A listener on 127.0.0.1 is open to every account of this machine; what stands behind it is not.
``Gate`` decides, without any I/O, by the first request of a connection; ``GateServer`` is the
asyncio shell around it, one SSH channel a connection.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs, urlsplit

from sandbox_infra.errors import GuestError
from sandbox_infra.guest.streams import CHUNK, ByteChannel
from sandbox_infra.secret import Secret

HEAD_LIMIT: Final = 16 * 1024
HEAD_SECONDS: Final = 20.0
_CONNECTIONS: Final = 128

_REFUSAL: Final = (
    "403: this address needs the ticket that `sandbox open` printed, and a ticket works once.\n"
    "Run `sandbox open` again for a new one.\n"
)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What to do with a connection.

    Attributes:
        admitted: Whether its bytes may pass.
        answer: What to send instead, if not.
    """

    admitted: bool
    answer: bytes = b""


def _token() -> Secret:
    return Secret(secrets.token_urlsafe(32))


@dataclass(kw_only=True)
class Gate:
    """Decides who passes.

    Attributes:
        service: Name of what stands behind; part of the cookie's name.
        ticket: Works once; ``None`` when used.
        cookie: What a browser that had the ticket shows from then on.
    """

    service: str
    ticket: Secret | None = field(default_factory=_token)
    cookie: Secret = field(default_factory=_token)

    @property
    def cookie_name(self) -> str:
        """The ports of an address share their cookies, so every service has a name."""
        return f"sandbox-gate-{self.service}"

    def judge(self, head: bytes) -> Verdict:
        """Judge the head of a connection's first request, up to and with the empty line."""
        lines = head.decode("latin-1").split("\r\n")
        words = lines[0].split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):  # noqa: PLR2004 - method, target, version
            return Verdict(admitted=False, answer=_answer("400 Bad Request", "not HTTP/1.1\n"))
        headers = [line.partition(":") for line in lines[1:] if line]
        named = [(name.strip().lower(), value.strip()) for name, _, value in headers]
        hosts = [value.rpartition(":")[0] or value for name, value in named if name == "host"]
        # Another name for 127.0.0.1 is how a foreign page would get at it.
        if hosts not in (["127.0.0.1"], ["localhost"]):
            return _refused()
        if self._has_cookie([value for name, value in named if name == "cookie"]):
            return Verdict(admitted=True)
        if words[0] == "GET" and self._use_ticket(words[1]):
            return Verdict(admitted=False, answer=self._welcome())
        return _refused()

    def _has_cookie(self, cookies: list[str]) -> bool:
        pairs = [pair.partition("=") for line in cookies for pair in line.split(";")]
        shown = [value.strip() for name, _, value in pairs if name.strip() == self.cookie_name]
        return any(_same(value, self.cookie) for value in shown)

    def _use_ticket(self, target: str) -> bool:
        if self.ticket is None:
            return False
        try:
            shown = parse_qs(urlsplit(target).query).get("ticket", [])
        except ValueError:
            return False
        if len(shown) != 1 or not _same(shown[0], self.ticket):
            return False
        self.ticket = None
        return True

    def _welcome(self) -> bytes:
        cookie = f"{self.cookie_name}={self.cookie.reveal()}; Path=/; HttpOnly; SameSite=Strict"
        return _answer("303 See Other", "", f"Set-Cookie: {cookie}", "Location: /")


def _same(shown: str, real: Secret) -> bool:
    return hmac.compare_digest(shown.encode(), real.reveal().encode())


def _refused() -> Verdict:
    return Verdict(admitted=False, answer=_answer("403 Forbidden", _REFUSAL))


def _answer(status: str, text: str, *headers: str) -> bytes:
    body = text.encode()
    lines = (
        f"HTTP/1.1 {status}",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "Referrer-Policy: no-referrer",
        "Connection: close",
        *headers,
    )
    return "\r\n".join((*lines, "", "")).encode() + body


class GateServer:
    """Listens on 127.0.0.1 for one service."""

    def __init__(self, gate: Gate, open_channel: Callable[[], ByteChannel]) -> None:
        self._gate, self._open_channel = gate, open_channel
        # Channels block: each connection needs a thread for reading and now and then another.
        self._threads = ThreadPoolExecutor(max_workers=2 * _CONNECTIONS, thread_name_prefix="gate")
        self._room = asyncio.Semaphore(_CONNECTIONS)
        self._server: asyncio.Server | None = None

    async def start(self, port: int = 0) -> str:
        """Begin to listen; returns the address with the ticket."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, limit=HEAD_LIMIT)
        found = self._server.sockets[0].getsockname()[1]
        ticket = self._gate.ticket.reveal() if self._gate.ticket else ""
        return f"http://127.0.0.1:{found}/?ticket={ticket}"

    async def stop(self) -> None:
        """Stop listening; connections end with their SSH channels."""
        if self._server is not None:
            self._server.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with self._room:
                await self._one(reader, writer)
        except (OSError, EOFError):
            pass  # One side went away in the middle of a transfer: how connections end.
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.LimitOverrunError, TimeoutError):
            writer.write(_answer("431 Request Header Fields Too Large", "no short request came\n"))
            return
        verdict = self._gate.judge(head)
        if not verdict.admitted:
            writer.write(verdict.answer)
            await writer.drain()
            return
        loop = asyncio.get_running_loop()
        try:
            channel = await loop.run_in_executor(self._threads, self._open_channel)
        except GuestError as exc:
            writer.write(_answer("502 Bad Gateway", f"{exc}\n"))
            return
        try:
            await self._pipe(head, reader, writer, channel)
        finally:
            channel.close()

    async def _pipe(
        self,
        head: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        channel: ByteChannel,
    ) -> None:
        loop = asyncio.get_running_loop()

        async def upward() -> None:
            data = head
            with suppress(OSError, EOFError):
                while data:
                    await loop.run_in_executor(self._threads, channel.sendall, data)
                    data = await reader.read(CHUNK)
                channel.shutdown_write()

        up = asyncio.create_task(upward())
        try:
            while data := await loop.run_in_executor(self._threads, channel.recv, CHUNK):
                writer.write(data)
                await writer.drain()
        finally:
            up.cancel()
            with suppress(asyncio.CancelledError):
                await up
