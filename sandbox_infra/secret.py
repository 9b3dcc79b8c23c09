"""Values that must not be seen: masked wherever they might be printed."""

from __future__ import annotations

from typing import Final

MASK: Final = "********"


class Secret:
    """A text that shows itself only through ``reveal()``.

    Equality and hashing are by identity on purpose: a secret is handed on, not compared.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the raw value; the only way to it."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({MASK!r})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __reduce__(self) -> tuple[object, ...]:
        msg = "a secret cannot be pickled"
        raise TypeError(msg)
