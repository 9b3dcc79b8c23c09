"""A project of its own for the commands, and a way to call them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from sandbox_infra.cli.app import app
from sandbox_infra.config.parse import KEY
from sandbox_infra.site import Site
from tests.support.stack_files import raw_stack_file

Call = Callable[..., Result]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    (tmp_path / "stacks").mkdir()
    (tmp_path / "Pulumi.yaml").write_text("name: sandbox-infra\n")
    text = yaml.safe_dump({"config": {KEY: raw_stack_file()}})
    (tmp_path / "stacks" / "Pulumi.demo.yaml").write_text(text)
    key = tmp_path / "home" / "site" / "operator_ed25519"
    key.parent.mkdir(parents=True)
    key.write_text("a key")
    monkeypatch.setenv("SANDBOX_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return Site.locate()


@pytest.fixture
def call() -> Call:
    def invoke(*words: str) -> Result:
        return CliRunner().invoke(app, list(words))

    return invoke
