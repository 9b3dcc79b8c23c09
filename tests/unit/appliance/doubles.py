"""Doubles of OpenBao's client and of a guest, as far as the logic around them needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import hvac

from sandbox_infra.guest.ssh import GuestConnection
from sandbox_infra.process import Completed


class FakeVault:
    """Notes calls by their dotted name; answers what it was told to."""

    def __init__(self, answers: dict[str, Any] | None = None) -> None:
        self.answers = answers or {}
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.token: str | None = None

    def __getattr__(self, name: str) -> Any:
        return _Call(self, name)

    @property
    def client(self) -> hvac.Client:
        return cast("hvac.Client", self)

    def names(self) -> list[str]:
        return [name for name, _, _ in self.calls]

    def given(self, name: str, path: str) -> dict[str, Any]:
        """What was written to a path."""
        found = [more for called, words, more in self.calls if called == name and path in words]
        return dict(found[-1]["data"])


@dataclass
class _Call:
    vault: FakeVault
    name: str

    def __getattr__(self, name: str) -> Any:
        return _Call(self.vault, f"{self.name}.{name}")

    def __call__(self, *words: Any, **more: Any) -> Any:
        self.vault.calls.append((self.name, words, more))
        answer = self.vault.answers.get(f"{self.name} {words[0]}" if words else self.name)
        if answer is None:
            answer = self.vault.answers.get(self.name)
        if isinstance(answer, list):
            return answer.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class FakeGuest:
    """An appliance that answers commands from a table."""

    answers: dict[str, str]
    said: list[tuple[str, str | None]] = field(default_factory=list)
    failing: str = ""

    def run(self, command: str, stdin: str | None = None, **_: Any) -> Completed:
        self.said.append((command, stdin))
        word = command.rpartition("/")[2]
        if self.failing and self.failing in command:
            return Completed(code=1, stdout="", stderr=f"{word}: no")
        return Completed(code=0, stdout=self.answers.get(word, ""), stderr="")

    @contextmanager
    def tunnel(self, host: str, port: int) -> Iterator[int]:
        assert (host, port) == ("127.0.0.1", 8200)
        yield 4711

    @property
    def connection(self) -> GuestConnection:
        return cast("GuestConnection", self)

    def commands(self) -> list[str]:
        return [command.rpartition("/")[2] for command, _ in self.said]
