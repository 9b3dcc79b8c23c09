"""Unit tests start no process and open no connection; one that tries fails with its name."""

from __future__ import annotations

import socket
import subprocess
from typing import Any, NoReturn

import pytest


@pytest.fixture(autouse=True)
def _nothing_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*words: Any, **_: Any) -> NoReturn:
        pytest.fail(f"a unit test reached outside: {words!r}")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
