"""Two-way byte streams: what a channel is to whoever uses one, and how two are joined."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

CHUNK: Final = 64 * 1024


class ByteChannel(Protocol):
    """A two-way stream of bytes, such as a command's stdin and stdout over SSH."""

    def recv(self, nbytes: int, /) -> bytes:
        """Wait for bytes; none means that the other side has ended."""
        ...

    def sendall(self, s: bytes, /) -> None:
        """Send everything."""
        ...

    def shutdown_write(self) -> None:
        """Say that nothing more will be sent."""
        ...

    def close(self) -> None:
        """Close both directions."""
        ...


def join(sock: socket.socket, channel: ByteChannel) -> None:
    """Carry bytes between a socket and a channel until both directions have ended."""
    upward = threading.Thread(
        target=_carry,
        args=(sock.recv, channel.sendall, channel.shutdown_write),
        name="stream-up",
        daemon=True,
    )
    upward.start()
    try:
        _carry(channel.recv, sock.sendall, lambda: sock.shutdown(socket.SHUT_WR))
        upward.join()
    finally:
        channel.close()
        sock.close()


def _carry(
    source: Callable[[int], bytes], sink: Callable[[bytes], None], end: Callable[[], None]
) -> None:
    # One side going away in the middle of a transfer is how connections end.
    with suppress(OSError, EOFError):
        while data := source(CHUNK):
            sink(data)
    with suppress(OSError, EOFError):
        end()
