"""Proof from the inside that no network but the lab's can be reached.

The routing table is read first. Where a route leads out, nothing is sent: on a machine that is no
sandbox this code reports the route and leaves the network alone.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_ROUTES = Path("/proc/net/route")
_ROUTES_V6 = Path("/proc/net/ipv6_route")
_TIMEOUT_S = 2.0
_V6_LOOPBACK_DEVICE = "lo"
_V6_LINK_LOCAL = ipaddress.IPv6Network("fe80::/10")
_V6_MULTICAST = ipaddress.IPv6Network("ff00::/8")

# RFC 5737 keeps these addresses for documentation and RFC 6761 keeps the names for never: should
# a sandbox be open, nobody is troubled by the attempt.
ADDRESSES = (("192.0.2.1", 443), ("198.51.100.1", 53), ("2001:db8::1", 443))
NAMES = ("registry.example.invalid", "exfiltration.invalid")

Attempt = Callable[[], None]


class OpenNetworkError(Exception):
    """Something outside the lab network can be reached."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One attempt to get out and what became of it."""

    attempt: str
    outcome: str
    seconds: float
    blocked: bool


def routes_out(
    lab: str | None = None, table: str | None = None, v6: str | None = None
) -> list[str]:
    """Destinations beyond this machine's private networks that have a route.

    Args:
        lab: Where given, every other network counts as outside; else private ones are inside.
        table: Text of /proc/net/route; read from there by default.
        v6: Text of /proc/net/ipv6_route; read from there by default.
    """
    inside = ipaddress.ip_network(lab) if lab else None
    found: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
    for network in _networks_v4(_ROUTES.read_text() if table is None else table):
        private = network.prefixlen > 0 and network.is_private
        if not (private if inside is None else network == inside):
            found.append(network)
    text = v6
    if text is None:
        text = _ROUTES_V6.read_text() if _ROUTES_V6.exists() else ""
    found += _networks_v6(text)
    return [str(network) for network in found]


def attempts(timeout_s: float = _TIMEOUT_S) -> dict[str, Attempt]:
    """What is tried: connections to addresses, a datagram to a resolver, look-ups of names."""
    tried: dict[str, Attempt] = {}
    for host, port in ADDRESSES:
        tried[f"connect {host} port {port}"] = _connect(host, port, timeout_s)
    tried["ask a resolver at 192.0.2.1"] = _datagram("192.0.2.1", 53, timeout_s)
    for name in NAMES:
        tried[f"look up {name}"] = _look_up(name, timeout_s)
    return tried


def prove_closed(
    tried: dict[str, Attempt] | None = None, routes: list[str] | None = None
) -> list[Finding]:
    """Try to get out and hand back what stopped each attempt.

    Raises:
        OpenNetworkError: If a route leads out, or if an attempt succeeded.
    """
    leaks = routes_out() if routes is None else routes
    if leaks:
        msg = f"routes lead out of the lab network: {', '.join(leaks)}; nothing was sent"
        raise OpenNetworkError(msg)
    findings = [
        _try(name, attempt) for name, attempt in (attempts() if tried is None else tried).items()
    ]
    escaped = [finding.attempt for finding in findings if not finding.blocked]
    if escaped:
        msg = f"the network is open: {', '.join(escaped)} succeeded"
        raise OpenNetworkError(msg)
    return findings


def _try(name: str, attempt: Attempt) -> Finding:
    started = time.monotonic()
    try:
        attempt()
    except OSError as exc:
        outcome, blocked = f"{type(exc).__name__}: {exc.strerror or exc}", True
    else:
        outcome, blocked = "succeeded", False
    seconds = round(time.monotonic() - started, 3)
    return Finding(attempt=name, outcome=outcome, seconds=seconds, blocked=blocked)


def _connect(host: str, port: int, timeout_s: float) -> Attempt:
    def attempt() -> None:
        socket.create_connection((host, port), timeout=timeout_s).close()

    return attempt


def _datagram(host: str, port: int, timeout_s: float) -> Attempt:
    def attempt() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
            door.settimeout(timeout_s)
            door.sendto(b"\x00", (host, port))
            # A datagram that left without an answer is not yet a leak; one with an answer is.
            door.recv(1)

    return attempt


def _look_up(name: str, timeout_s: float) -> Attempt:
    def attempt() -> None:
        answers: list[object] = []
        errors: list[OSError] = []

        def ask() -> None:
            try:
                answers.extend(socket.getaddrinfo(name, 443))
            except OSError as exc:
                errors.append(exc)

        # The resolver knows no timeout of ours: it is asked in a thread that is not waited for.
        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        thread.join(timeout_s)
        if errors:
            raise errors[0]
        if not answers:
            msg = f"no answer in {timeout_s:g} s"
            raise TimeoutError(msg)

    return attempt


def _networks_v4(table: str) -> list[ipaddress.IPv4Network]:
    rows = [line.split() for line in table.splitlines()[1:] if line.strip()]
    return [
        ipaddress.IPv4Network((_address(row[1]), str(_address(row[7]))), strict=False)
        for row in rows
    ]


def _address(reversed_hex: str) -> ipaddress.IPv4Address:
    return ipaddress.IPv4Address(bytes.fromhex(reversed_hex)[::-1])


def _networks_v6(table: str) -> list[ipaddress.IPv6Network]:
    found = []
    for line in table.splitlines():
        row = line.split()
        network = ipaddress.IPv6Network((bytes.fromhex(row[0]), int(row[1], 16)), strict=False)
        local = network.subnet_of(_V6_LINK_LOCAL) or network.subnet_of(_V6_MULTICAST)
        if row[-1] != _V6_LOOPBACK_DEVICE and not local:
            found.append(network)
    return found
