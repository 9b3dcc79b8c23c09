"""What a stack exports, and how it is told to people."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from sandbox_infra.errors import StackError
from sandbox_infra.lifecycle.outputs import StackOutputs, read_outputs
from sandbox_infra.lifecycle.summary import render_summary
from tests.support.stack_files import NOW

RAW: dict[str, Any] = {
    "project": "demo",
    "owner": "ada@example.org",
    "data_class": "pii",
    "created_at": NOW.isoformat(),
    "expires_at": (NOW + timedelta(hours=8)).isoformat(),
    "acceleration": "tcg",
    "host": "local",
    "uri": "qemu:///system",
    "netns": "",
    "sandbox_address": "10.77.0.10",
    "appliance_address": "10.77.0.2",
    "sandbox_host_key": "ssh-ed25519 AAAA",
    "appliance_host_key": "ssh-ed25519 BBBB",
    "users": ["ada", "grace"],
    "jupyter": "sandbox open demo",
    "mlflow": "https://mlflow.lab.internal",
    "vault": "https://vault.lab.internal:8200",
    "pool": "sbx-demo",
    "domains": ["sbx-demo-appliance", "sbx-demo-sandbox"],
}


def outputs(**changes: Any) -> StackOutputs:
    return read_outputs(RAW | changes, stack="demo")


def test_everything_is_typed() -> None:
    found = outputs()
    assert found.expires_at == NOW + timedelta(hours=8)
    assert found.netns is None
    assert found.users == ("ada", "grace")
    assert found.address("sandbox") == "10.77.0.10"
    assert found.address("appliance") == "10.77.0.2"
    assert found.host_key("sandbox") == "ssh-ed25519 AAAA"
    assert found.host_key("appliance") == "ssh-ed25519 BBBB"


def test_a_namespace() -> None:
    assert outputs(netns="sbx-lab").netns == "sbx-lab"


@pytest.mark.parametrize("name", sorted(RAW))
def test_a_missing_output_means_that_it_is_not_up(name: str) -> None:
    raw = {key: value for key, value in RAW.items() if key != name}
    with pytest.raises(StackError, match=rf"'{name}' is missing\); run: sandbox up demo"):
        read_outputs(raw, stack="demo")


def test_nonsense_is_not_up_either() -> None:
    with pytest.raises(StackError, match="sandbox up demo"):
        outputs(created_at="yesterday")


def test_summary(snapshot: SnapshotAssertion) -> None:
    assert render_summary(outputs(), stack="demo", now=NOW + timedelta(minutes=30)) == snapshot


def test_summary_of_one_that_should_be_gone() -> None:
    text = render_summary(outputs(acceleration="kvm"), stack="demo", now=NOW + timedelta(days=1))
    assert text.endswith("UTC, now")
    assert "kvm (hardware)" in text
