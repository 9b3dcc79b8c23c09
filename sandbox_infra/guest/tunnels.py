"""A port on this machine's loopback whose connections become channels."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

from sandbox_infra.guest.streams import ByteChannel, join

OpenChannel = Callable[[tuple[str, int]], ByteChannel | None]
"""Makes a channel for a client's address; ``None`` when the far side refuses."""

_LOOK_SECONDS: Final = 0.2
_END_SECONDS: Final = 5.0


@contextmanager
def serve(open_channel: OpenChannel) -> Iterator[int]:
    """Accept connections for the length of a ``with`` block.

    Yields:
        The port on 127.0.0.1; connections that are still open end with the block.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(_LOOK_SECONDS)
        stop = threading.Event()
        open_now: list[_Connection] = []

        def accept() -> None:
            while not stop.is_set():
                with suppress(TimeoutError):
                    sock, peer = listener.accept()
                    _carry(sock, open_channel(peer), open_now)

        server = threading.Thread(target=accept, name="tunnel", daemon=True)
        server.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            stop.set()
            server.join()
            for connection in open_now:
                connection.end()


@dataclass(frozen=True)
class _Connection:
    sock: socket.socket
    channel: ByteChannel
    thread: threading.Thread

    def end(self) -> None:
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.channel.close()
        self.thread.join(timeout=_END_SECONDS)


def _carry(sock: socket.socket, channel: ByteChannel | None, open_now: list[_Connection]) -> None:
    if channel is None:
        # The client sees a closed connection, as if nothing listened at the goal.
        sock.close()
        return
    sock.settimeout(None)
    thread = threading.Thread(target=join, args=(sock, channel), name="tunnel-join", daemon=True)
    thread.start()
    open_now[:] = [one for one in open_now if one.thread.is_alive()]
    open_now.append(_Connection(sock, channel, thread))
