"""The proof of isolation: what it reads, what it sends, and when it does neither."""

import socket

import pytest

from examples.lab.isolation import (
    ADDRESSES,
    NAMES,
    OpenNetworkError,
    attempts,
    prove_closed,
    routes_out,
)

HEAD = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
LAB = HEAD + "ens2\t0018000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
DEFAULT = LAB + "ens2\t00000000\t0118000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
OTHER = LAB + "ens2\t00000B0A\t0118000A\t0003\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
ZERO = "0" * 32


def v6_row(network: str, length: str, via: str, device: str) -> str:
    return f"{network} {length} {ZERO} 00 {via} 00000100 00000001 00000000 00000001 {device}\n"


V6_INSIDE = (
    v6_row("fe80" + "0" * 28, "40", ZERO, "ens2")
    + v6_row(ZERO, "00", ZERO, "lo")
    + v6_row("ff" + "0" * 30, "08", ZERO, "ens2")
)
V6_DEFAULT = V6_INSIDE + v6_row(ZERO, "00", "fe80" + "0" * 27 + "1", "ens2")


def unreachable() -> None:
    raise OSError(101, "Network is unreachable")


def answered() -> None:
    """Stands for an attempt that got out."""


def test_a_sandbox_has_no_route_out() -> None:
    assert routes_out(table=LAB, v6=V6_INSIDE) == []
    assert routes_out(lab="10.0.24.0/24", table=LAB, v6="") == []


def test_a_default_route_is_found() -> None:
    assert routes_out(table=DEFAULT, v6="") == ["0.0.0.0/0"]
    assert routes_out(table=LAB, v6=V6_DEFAULT) == ["::/0"]


def test_a_route_to_another_private_network_is_found_when_the_lab_is_named() -> None:
    assert routes_out(table=OTHER, v6="") == []
    assert routes_out(lab="10.0.24.0/24", table=OTHER, v6="") == ["10.11.0.0/16"]


def test_nothing_is_sent_when_a_route_leads_out() -> None:
    def must_not_run() -> None:
        pytest.fail("an attempt was made on a machine with a route out")

    with pytest.raises(OpenNetworkError, match=r"0\.0\.0\.0/0; nothing was sent"):
        prove_closed({"connect": must_not_run}, routes_out(table=DEFAULT, v6=""))


def test_blocked_attempts_are_reported_with_their_reason() -> None:
    findings = prove_closed({"connect 192.0.2.1 port 443": unreachable}, [])
    assert [(f.attempt, f.outcome, f.blocked) for f in findings] == [
        ("connect 192.0.2.1 port 443", "OSError: Network is unreachable", True)
    ]


@pytest.mark.parametrize(
    "error",
    [
        socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
        TimeoutError("timed out"),
        ConnectionRefusedError(111, "Connection refused"),
    ],
)
def test_every_kind_of_failure_counts_as_blocked(error: OSError) -> None:
    def fails() -> None:
        raise error

    assert prove_closed({"attempt": fails}, [])[0].blocked


def test_one_attempt_that_succeeds_is_enough() -> None:
    with pytest.raises(OpenNetworkError, match="the network is open: look up x succeeded"):
        prove_closed({"connect": unreachable, "look up x": answered}, [])


def test_only_documentation_addresses_and_reserved_names_are_tried() -> None:
    assert {host for host, _ in ADDRESSES} == {"192.0.2.1", "198.51.100.1", "2001:db8::1"}
    assert all(name.endswith(".invalid") for name in NAMES)
    assert len(attempts()) == len(ADDRESSES) + 1 + len(NAMES)
