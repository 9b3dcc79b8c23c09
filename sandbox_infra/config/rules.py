"""What one stack file must not say, seen on its raw structure.

Types are pydantic's business. These rules look across keys, skip whatever has the wrong type and
never raise, so that they find their problems beside those of the models and not after them.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

from sandbox_infra.config.explain import show
from sandbox_infra.errors import Problem
from sandbox_infra.types import DataClass, format_duration, parse_duration

Raw = Mapping[str, Any]
Rule = Callable[[Raw], Iterable[Problem]]

SHORTEST_TTL: Final = timedelta(minutes=10)
LONGEST_TTL: Final = {
    DataClass.PUBLIC: timedelta(days=365),
    DataClass.DE_IDENTIFIED: timedelta(days=365),
    DataClass.PII: timedelta(days=180),
    DataClass.PHI: timedelta(days=90),
    DataClass.CLASSIFIED: timedelta(days=30),
}
"""The more sensitive the data, the sooner it must be asked again whether it is needed."""

READY_TIMEOUTS: Final = (timedelta(minutes=1), timedelta(hours=12))

_SYSTEM: Final = (
    "bin", "boot", "dev", "etc", "lab", "lib", "lib32", "lib64", "libx32", "opt", "proc", "root",
    "run", "sbin", "sys", "tmp", "usr", "var",
)  # fmt: skip


def findings(raw: Raw) -> tuple[Problem, ...]:
    """Apply every rule."""
    return tuple(problem for rule in RULES for problem in rule(raw))


def names_differ(raw: Raw) -> Iterator[Problem]:
    """No two people and no two volumes share a name."""
    for section in ("users", "data_volumes"):
        yield from _repeated(raw, section, "name")


def mounts_differ(raw: Raw) -> Iterator[Problem]:
    """No two volumes share a mount point."""
    yield from _repeated(raw, "data_volumes", "mount")


def mounts_allowed(raw: Raw) -> Iterator[Problem]:
    """No volume hides a part of the system."""
    for key, volume in _items(raw, "data_volumes"):
        mount = volume.get("mount")
        if not isinstance(mount, str) or not mount.startswith("/"):
            continue
        plain = posixpath.normpath("/" + mount.strip("/"))
        if plain == "/" or plain.split("/")[1] in _SYSTEM:
            yield Problem(
                key=f"{key}.mount",
                value=show(mount),
                message="lies on the system's own files",
                remedy="mount it under /home, /data or /srv",
            )
        elif plain != mount:
            yield Problem(
                key=f"{key}.mount",
                value=show(mount),
                message="is not the plain form of that path",
                remedy=f"write {plain}",
            )


def volume_names_free(raw: Raw) -> Iterator[Problem]:
    """No volume is named like the disk that the system is on."""
    for key, volume in _items(raw, "data_volumes"):
        if volume.get("name") == "root":
            yield Problem(
                key=f"{key}.name",
                value="root",
                message="is the name of the system's own disk",
                remedy="choose another name, such as data",
            )


def people_can_log_in(raw: Raw) -> Iterator[Problem]:
    """Everybody has a key or a principal."""
    for key, user in _items(raw, "users"):
        if not user.get("ssh_keys") and not user.get("principals"):
            yield Problem(
                key=key,
                value=show(user.get("name", "")),
                message="has neither ssh_keys nor principals, so nobody could log in",
                remedy="add `ssh_keys: [operator]` or a public key",
            )


def ttl_fits(raw: Raw) -> Iterator[Problem]:
    """The stack lives neither too short to be used nor too long for its data class."""
    ttl = _duration(raw.get("ttl"))
    data_class = raw.get("data_class")
    if ttl is None:
        return
    if ttl < SHORTEST_TTL:
        yield Problem(
            key="ttl",
            value=show(raw.get("ttl")),
            message=f"is shorter than {format_duration(SHORTEST_TTL)}",
            remedy="write a longer one, such as 8h",
        )
    known = isinstance(data_class, str) and data_class in set(DataClass)
    # An unknown class is a problem of its own; the most lenient bound holds for it meanwhile.
    longest = LONGEST_TTL[DataClass(str(data_class)) if known else DataClass.PUBLIC]
    if ttl > longest:
        yield Problem(
            key="ttl",
            value=show(raw.get("ttl")),
            message=f"data class {data_class if known else 'public'} allows at most "
            f"{format_duration(longest)}",
            remedy="shorten it; a stack can be brought up again",
        )


def ready_timeout_fits(raw: Raw) -> Iterator[Problem]:
    """Waiting for a guest has sensible bounds."""
    shortest, longest = READY_TIMEOUTS
    wanted = _duration(raw.get("ready_timeout"))
    if wanted is not None and not shortest <= wanted <= longest:
        yield Problem(
            key="ready_timeout",
            value=show(raw.get("ready_timeout")),
            message=f"expected {format_duration(shortest)} to {format_duration(longest)}",
            remedy="leave it out for 20m",
        )


def available(raw: Raw) -> Iterator[Problem]:
    """Nothing is asked for that is not there yet."""
    gpus = raw.get("gpus")
    if isinstance(gpus, int) and not isinstance(gpus, bool) and gpus > 0:
        yield _not_yet("gpus", gpus, "remove gpus or set it to 0")
    hosts = raw.get("hosts")
    if isinstance(hosts, list | tuple) and hosts and list(hosts) != ["local"]:
        yield _not_yet("hosts", ", ".join(map(str, hosts)), "remove hosts: local is meant then")
    for section, key in (("network", "egress"), ("appliance", "shared_with")):
        inner = raw.get(section)
        value = inner.get(key) if isinstance(inner, Mapping) else None
        if isinstance(value, list | tuple) and value:
            yield _not_yet(f"{section}.{key}", value, f"remove {key}")


RULES: Final[tuple[Rule, ...]] = (
    names_differ,
    volume_names_free,
    mounts_differ,
    mounts_allowed,
    people_can_log_in,
    ttl_fits,
    ready_timeout_fits,
    available,
)


def _not_yet(key: str, value: object, remedy: str) -> Problem:
    return Problem(key=key, value=show(value), message="is not yet available", remedy=remedy)


def _repeated(raw: Raw, section: str, name: str) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for key, item in _items(raw, section):
        value = item.get(name)
        if not isinstance(value, str):
            continue
        if value in first:
            yield Problem(
                key=f"{key}.{name}",
                value=show(value),
                message=f"is that of {first[value]} already",
                remedy=f"give every entry of {section} a {name} of its own",
            )
        first.setdefault(value, key)


def _items(raw: Raw, section: str) -> Iterator[tuple[str, Raw]]:
    items = raw.get(section)
    for position, item in enumerate(items if isinstance(items, list | tuple) else ()):
        if isinstance(item, Mapping):
            yield f"{section}[{position}]", item


def _duration(value: object) -> timedelta | None:
    try:
        return parse_duration(value)
    except ValueError:
        return None
