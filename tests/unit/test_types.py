"""Scalars: what is read, what is refused, and that writing and reading fit together."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import IPv4Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_infra.types import (
    NAME_LIMIT,
    DataClass,
    format_duration,
    format_size,
    parse_cidr,
    parse_duration,
    parse_name,
    parse_size,
    parse_ssh_key,
    parse_user,
)

ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(),
    st.lists(st.integers(), max_size=2), st.dictionaries(st.text(), st.integers(), max_size=1),
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "mib"),
    [("512MiB", 512), ("2GiB", 2048), ("1 TiB", 1 << 20), (" 3GiB ", 3072), (7, 7)],
)
def test_sizes(text: object, mib: int) -> None:
    assert parse_size(text) == mib


@pytest.mark.parametrize(
    "value", ["", "2", "2GB", "-1GiB", "0MiB", "GiB", "1.5GiB", 0, -1, True, None, 2.0, []]
)
def test_sizes_refused(value: object) -> None:
    with pytest.raises(ValueError, match="4GiB"):
        parse_size(value)


@given(st.integers(min_value=1, max_value=1 << 50))
def test_sizes_round_trip(mib: int) -> None:
    assert parse_size(format_size(mib)) == mib


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("8h", 8),
        ("7d", 168),
        ("1d12h", 36),
        ("120m", 2),
        ("P7D", 168),
        ("P1DT12H", 36),
        ("PT120M", 2),
    ],
)
def test_durations(text: str, hours: int) -> None:
    assert parse_duration(text) == timedelta(hours=hours)


@pytest.mark.parametrize(
    "value", ["", "8", "h", "8 h", "-8h", "1h1d", "P", "PT", "P8H", "0h", None, 8, True, [], "1w"]
)
def test_durations_refused(value: object) -> None:
    with pytest.raises(ValueError, match="8h"):
        parse_duration(value)


def test_a_duration_beyond_counting() -> None:
    with pytest.raises(ValueError, match="longer than time"):
        parse_duration("999999999999d")


@given(st.integers(min_value=1, max_value=10_000_000))
def test_durations_round_trip(minutes: int) -> None:
    value = timedelta(minutes=minutes)
    assert parse_duration(format_duration(value)) == value


def test_nothing_is_a_duration_that_can_be_shown() -> None:
    assert format_duration(timedelta(0)) == "0m"


@given(ANYTHING)
def test_parsers_raise_nothing_but_value_error(value: Any) -> None:
    for parser in (parse_size, parse_duration, parse_cidr):
        try:
            parser(value)
        except ValueError:
            continue


@pytest.mark.parametrize("name", ["a", "demo", "study-7", "a" * NAME_LIMIT])
def test_names(name: str) -> None:
    assert parse_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "7a", "-a", "a-", "A", "a_b", "a.b", "a" * (NAME_LIMIT + 1), "ä"]
)
def test_names_refused(name: str) -> None:
    with pytest.raises(ValueError, match="lower-case"):
        parse_name(name)


@pytest.mark.parametrize("name", ["ada", "grace_h", "a-1"])
def test_users(name: str) -> None:
    assert parse_user(name) == name


@pytest.mark.parametrize("name", ["root", "operator", "openbao"])
def test_accounts_of_the_system(name: str) -> None:
    with pytest.raises(ValueError, match="belongs to the system"):
        parse_user(name)


@pytest.mark.parametrize("name", ["", "Ada", "1a", "a b", "a" * 32, "a;b"])
def test_users_refused(name: str) -> None:
    with pytest.raises(ValueError, match="Linux user name"):
        parse_user(name)


def test_networks() -> None:
    assert parse_cidr("10.77.0.0/24") == IPv4Network("10.77.0.0/24")


@pytest.mark.parametrize("value", ["", "10.77.0.1/24", "::/64", "10.0.0.0/33", None, [], "x"])
def test_networks_refused(value: object) -> None:
    with pytest.raises(ValueError, match="IPv4 network"):
        parse_cidr(value)


@pytest.mark.parametrize(
    ("text", "kept"),
    [("operator", "operator"), ("ssh-ed25519  AAAA \n me@here", "ssh-ed25519 AAAA me@here")],
)
def test_ssh_keys(text: str, kept: str) -> None:
    assert parse_ssh_key(text) == kept


@pytest.mark.parametrize("text", ["", "ssh-ed25519", "ssh-dss AAAA", "me", "-----BEGIN X-----"])
def test_ssh_keys_refused(text: str) -> None:
    with pytest.raises(ValueError, match="SSH public key"):
        parse_ssh_key(text)


def test_data_classes_are_ordered() -> None:
    assert [one.rank for one in DataClass] == [0, 1, 2, 3, 4]
    assert DataClass.PHI.rank > DataClass.PII.rank
