"""Sockets and a second machine inside a lab's network namespace, for tests that look at frames."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from sandbox_infra.guest import netns as namespaces

_EVERY_PROTOCOL = 3


def inside(netns: str, make: Callable[[], socket.socket]) -> socket.socket:
    """Make a socket inside a namespace, where it stays."""
    made: list[socket.socket] = []

    def enter() -> None:
        namespaces._enter(netns)
        made.append(make())

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    return made[0]


def execute(netns: str, code: str) -> None:
    """Run Python of the tests inside a namespace."""
    command = ["ip", "netns", "exec", netns, sys.executable, "-"]
    subprocess.run(command, input=code, text=True, check=True)


def tcp_listener(netns: str, address: str, port: int) -> socket.socket:
    """Something that accepts connections."""
    return inside(netns, lambda: socket.create_server((address, port)))


def udp_listener(netns: str, port: int) -> socket.socket:
    """Something that takes datagrams, broadcasts too."""

    def make() -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind(("", port))
        return made

    return inside(netns, make)


def sniffer(netns: str, interface: str) -> socket.socket:
    """Sees every frame that an interface takes in."""

    def make() -> socket.socket:
        made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_EVERY_PROTOCOL))
        made.bind((interface, 0))
        return made

    return inside(netns, make)


def markers(seen: socket.socket, known: Iterable[str], last: str, seconds: float = 20) -> set[str]:
    """Which markers came by until the last one did; none may be part of another."""
    found: set[str] = set()
    deadline = time.monotonic() + seconds
    while last not in found:
        seen.settimeout(max(deadline - time.monotonic(), 0.001))
        data = seen.recv(65536)
        found |= {marker for marker in {*known, last} if marker.encode() in data}
    return found


@dataclass(frozen=True)
class Peer:
    """Another machine on the lab bridge, as far as frames go."""

    netns: str
    interface: str
    address: str
    mac: str


@contextlib.contextmanager
def peer(lab: str, bridge: str, address: str, prefix: int) -> Iterator[Peer]:
    """Plug another machine into a bridge; without a filter, it sees whatever was let through."""
    name, mac = f"{lab}-peer", "02:00:00:00:00:02"

    def ip(*words: str) -> None:
        subprocess.run(["ip", *words], check=True)

    ip("netns", "add", name)
    try:
        ip("-n", lab, "link", "add", "peer0", "type", "veth", "peer", "peer1", "netns", name)
        ip("-n", lab, "link", "set", "peer0", "master", bridge, "up")
        ip("-n", name, "link", "set", "peer1", "address", mac)
        ip("-n", name, "address", "add", f"{address}/{prefix}", "dev", "peer1")
        ip("-n", name, "link", "set", "lo", "up")
        ip("-n", name, "link", "set", "peer1", "up")
        yield Peer(netns=name, interface="peer1", address=address, mac=mac)
    finally:
        ip("netns", "delete", name)
