"""Channels for many connections: sshd allows only some in each connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from sandbox_infra.errors import GuestError
from sandbox_infra.guest.ssh import GuestConnection, NoMoreChannelsError
from sandbox_infra.guest.streams import ByteChannel

MOST_CONNECTIONS: Final = 16


class Channels:
    """Opens channels, with more SSH connections when those there are full."""

    def __init__(self, connect: Callable[[], GuestConnection]) -> None:
        self._connect = connect
        self._connections: list[GuestConnection] = []
        self._lock = threading.Lock()

    def open(self, command: str) -> ByteChannel:
        """Start a command in the guest; its stdin and stdout are the channel.

        Raises:
            GuestError: The guest cannot be reached or takes no more connections.
        """
        with self._lock:
            for connection in tuple(self._connections):
                try:
                    return connection.channel(command)
                except NoMoreChannelsError:
                    continue
                except GuestError:
                    # It broke, perhaps because the guest was restarted: another one may work.
                    self._connections.remove(connection)
                    connection.close()
            if len(self._connections) >= MOST_CONNECTIONS:
                msg = f"{MOST_CONNECTIONS} SSH connections are full; close some browser tabs"
                raise GuestError(msg)
            self._connections.append(self._connect())
            return self._connections[-1].channel(command)

    def close(self) -> None:
        """End every connection and with it every channel."""
        with self._lock:
            for connection in self._connections:
                connection.close()
            self._connections.clear()
