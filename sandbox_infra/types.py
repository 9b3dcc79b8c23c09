"""Scalars shared by the stack file, the plan and the console.

Each is an ``Annotated`` type over a bare validator function, so that the models and the
command line check the same thing in the same words.
"""

from __future__ import annotations

import ipaddress
import re
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

_NAME: Final = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
_USER: Final = re.compile(r"[a-z][a-z0-9_-]{0,30}")
_SIZE: Final = re.compile(r"(\d+)\s*(MiB|GiB|TiB)")
_DURATION: Final = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?")
_ISO_DURATION: Final = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?")
_UNITS: Final = {"MiB": 1, "GiB": 1024, "TiB": 1024 * 1024}

NAME_LIMIT: Final = 20
"""Characters of a project name: it stands in host names and in file names."""

Role = Literal["sandbox", "appliance"]


class DataClass(StrEnum):
    """How sensitive a project's data is, in ascending order."""

    PUBLIC = "public"
    DE_IDENTIFIED = "de-identified"
    PII = "pii"
    PHI = "phi"
    CLASSIFIED = "classified"

    @property
    def rank(self) -> int:
        """Position in the order; a higher rank has stricter rules."""
        return list(DataClass).index(self)


class Acceleration(StrEnum):
    """How guests execute: ``auto`` probes and falls back to TCG."""

    AUTO = "auto"
    KVM = "kvm"
    TCG = "tcg"


def parse_name(value: str) -> str:
    """Check a project, volume or host name."""
    if not _NAME.fullmatch(value) or len(value) > NAME_LIMIT:
        msg = (
            f"expected 1 to {NAME_LIMIT} lower-case letters, digits and inner dashes, "
            "the first a letter"
        )
        raise ValueError(msg)
    return value


def parse_user(value: str) -> str:
    """Check a user name of the guests."""
    reserved = {"root", "operator", "daemon", "nobody", "mlflow", "openbao", "postgres"}
    if value in reserved:
        msg = "that account belongs to the system"
        raise ValueError(msg)
    if not _USER.fullmatch(value):
        msg = "expected a Linux user name: lower-case letters, digits, '-' and '_'"
        raise ValueError(msg)
    return value


def parse_size(value: object) -> int:
    """Read a size such as ``2GiB`` into MiB."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    found = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or int(found[1]) == 0:
        msg = "expected a size with a unit, such as 512MiB, 4GiB or 1TiB"
        raise ValueError(msg)
    return int(found[1]) * _UNITS[found[2]]


def format_size(mib: int) -> str:
    """Write MiB in the largest unit that stays whole."""
    for unit in ("TiB", "GiB"):
        if mib % _UNITS[unit] == 0:
            return f"{mib // _UNITS[unit]}{unit}"
    return f"{mib}MiB"


def parse_duration(value: object) -> timedelta:
    """Read ``8h``, ``7d``, ``1d12h30m`` or an ISO 8601 duration such as ``P7DT8H``."""
    if isinstance(value, timedelta):
        return value
    text = value.strip() if isinstance(value, str) else ""
    found = (_ISO_DURATION if text.startswith("P") else _DURATION).fullmatch(text)
    parts = [int(part or 0) for part in found.groups()] if found else []
    if not any(parts):
        msg = "expected a duration such as 8h, 7d, 1d12h or P7D"
        raise ValueError(msg)
    days, hours, minutes = parts
    try:
        return timedelta(days=days, hours=hours, minutes=minutes)
    except OverflowError as exc:
        msg = "that is longer than time itself can be counted"
        raise ValueError(msg) from exc


def format_duration(value: timedelta) -> str:
    """Write a duration in days, hours and minutes, as ``parse_duration`` reads it."""
    minutes = int(value.total_seconds()) // 60
    parts = ((minutes // 1440, "d"), (minutes // 60 % 24, "h"), (minutes % 60, "m"))
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0m"


def parse_cidr(value: object) -> ipaddress.IPv4Network:
    """Read a private IPv4 network, /16 to /28."""
    if isinstance(value, ipaddress.IPv4Network):
        return value
    text = value if isinstance(value, str) else ""
    try:
        return ipaddress.IPv4Network(text)
    except ValueError as exc:
        msg = f"expected an IPv4 network such as 10.77.0.0/24 ({exc})"
        raise ValueError(msg) from exc


def parse_ssh_key(value: str) -> str:
    """Check an SSH public key; the word ``operator`` stands for the site's operator key."""
    words = value.split()
    kinds = {"ssh-ed25519", "sk-ssh-ed25519@openssh.com", "ecdsa-sha2-nistp256", "ssh-rsa"}
    if value == "operator":
        return value
    if not words[1:] or words[0] not in kinds:
        msg = f"expected the word operator or an SSH public key ({', '.join(sorted(kinds))})"
        raise ValueError(msg)
    return " ".join(words)


# The patterns are for editors; the validators above decide.
Name = Annotated[
    str,
    AfterValidator(parse_name),
    WithJsonSchema({"type": "string", "pattern": f"^{_NAME.pattern}$"}),
]
UserName = Annotated[
    str,
    AfterValidator(parse_user),
    WithJsonSchema({"type": "string", "pattern": f"^{_USER.pattern}$"}),
]
SizeMiB = Annotated[
    int,
    BeforeValidator(parse_size),
    PlainSerializer(format_size),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]+ *(MiB|GiB|TiB)$"}),
]
Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration),
    WithJsonSchema({"type": "string", "pattern": r"^([0-9]+d)?([0-9]+h)?([0-9]+m)?$|^P"}),
]
Cidr = Annotated[
    ipaddress.IPv4Network,
    BeforeValidator(parse_cidr),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9.]+/[0-9]+$"}),
]
SshKey = Annotated[
    str,
    AfterValidator(parse_ssh_key),
    WithJsonSchema({"type": "string", "pattern": r"^(operator$|(sk-)?(ssh|ecdsa)-)"}),
]
