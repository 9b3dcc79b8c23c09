"""Sockets inside a network namespace, usable from anywhere.

A socket belongs to the namespace in which it was made, for as long as it lives. Python 3.11 has
no ``os.setns``, and a thread that entered a namespace must not be used for anything else: so a
short-lived thread enters it, makes the socket, and ends.
"""

from __future__ import annotations

import ctypes
import os
import socket
import threading
from pathlib import Path
from typing import Final

from sandbox_infra.errors import GuestError

NAMESPACES: Final = Path("/run/netns")
_CLONE_NEWNET: Final = 0x40000000


def open_socket(address: str, port: int, *, netns: str | None, timeout_s: float) -> socket.socket:
    """Connect to an address, inside a network namespace if one is named.

    Raises:
        GuestError: The namespace is not there or may not be entered.
        OSError: The connection failed; trying again may help.
    """
    if netns is None:
        return socket.create_connection((address, port), timeout=timeout_s)
    made: list[socket.socket] = []
    failed: list[Exception] = []

    def enter_and_connect() -> None:
        try:
            _enter(netns)
            made.append(socket.create_connection((address, port), timeout=timeout_s))
        except (GuestError, OSError) as exc:
            failed.append(exc)

    thread = threading.Thread(target=enter_and_connect, name=f"netns-{netns}", daemon=True)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return made[0]


def _enter(netns: str) -> None:
    """Move the calling thread into a namespace."""
    try:
        handle = os.open(NAMESPACES / netns, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as exc:
        msg = f"the network namespace {netns!r} is gone; start the lab again: scripts/lab up"
        raise GuestError(msg) from exc
    except PermissionError as exc:
        raise GuestError(_not_root(netns)) from exc
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(handle, _CLONE_NEWNET) != 0:
            reason = os.strerror(ctypes.get_errno())
            msg = f"{_not_root(netns)} ({reason})"
            raise GuestError(msg)
    finally:
        os.close(handle)


def _not_root(netns: str) -> str:
    return f"the network namespace {netns!r} can be entered by root only; use sudo -E"
