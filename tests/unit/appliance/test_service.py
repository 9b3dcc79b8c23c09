"""The set-up through a guest: first time, interrupted, again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hvac
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from sandbox_infra.appliance import service
from sandbox_infra.appliance.bootstrap import BootstrapSettings
from sandbox_infra.appliance.client import certificate_fingerprint
from sandbox_infra.errors import ApplianceError
from sandbox_infra.secret import Secret
from tests.unit.appliance.certificates import certificate
from tests.unit.appliance.doubles import FakeGuest, FakeVault
from tests.unit.appliance.test_bootstrap import ANSWERS, ROOT
from tests.unit.appliance.test_recovery import key_pair

PEM = certificate().public_bytes(Encoding.PEM).decode()
ISSUED = {
    f"write_data auth/approle/role/{role}/secret-id": {
        "wrap_info": {"token": f"hvs.{role}", "accessor": f"acc-{role}"}
    }
    for role in ("appliance", "sandbox")
}
IDS = {
    f"read auth/approle/role/{role}/role-id": {"data": {"role_id": f"id-{role}"}}
    for role in ("appliance", "sandbox")
}


class World:
    """An appliance and its OpenBao."""

    def __init__(self, tmp_path: Path, patch: pytest.MonkeyPatch, **state: Any) -> None:
        self.vault = FakeVault(
            {**ANSWERS, **ISSUED, **IDS, "sys.is_initialized": state["initialised"]}
        )
        self.guest = FakeGuest(
            {
                "listener.pem": PEM,
                "appliance-operator-token": "hvs.operator\n",
                "appliance-reset-unfinished": state.get("reset", "finished") + "\n",
            }
        )
        self.tokens: list[str | None] = []
        self.said: list[str] = []
        self.settings = BootstrapSettings(
            project="demo",
            users=("ada",),
            appliance_address="10.77.0.2",
            sandbox_address="10.77.0.10",
            recovery_recipients=(key_pair()[0],),
            handover=tmp_path,
        )
        patch.setattr(service, "open_client", self._open)
        patch.setattr("sandbox_infra.appliance.service.time.sleep", lambda _: None)

    @contextmanager
    def _open(self, address: str, pem: str, token: Secret | None = None) -> Iterator[hvac.Client]:
        assert (address, pem) == ("https://127.0.0.1:4711", PEM)
        self.tokens.append(token.reveal() if token else None)
        yield self.vault.client

    def set_up(self) -> Any:
        return service.set_up(
            self.guest.connection,
            self.settings,
            listener_cert=certificate_fingerprint(PEM),
            progress=self.said.append,
        )


def test_the_first_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path, monkeypatch, initialised=[False, False])
    facts = world.set_up()
    assert facts.ca_pem == f"{PEM.strip()}\n{ROOT}"
    assert world.said[0] == "initialising OpenBao"
    assert world.said[-1] == "root token revoked"
    assert world.guest.commands() == [
        "listener.pem",
        "lab-enrol --stdin",
        "appliance-bootstrapped",
    ]


def test_the_root_token_is_gone_before_the_set_up_counts_as_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, monkeypatch, initialised=[False, False])
    world.guest.failing = "appliance-bootstrapped"
    with pytest.raises(ApplianceError, match="appliance-bootstrapped: no"):
        world.set_up()
    assert world.vault.names()[-1] == "auth.token.revoke_self"


def test_secrets_go_through_standard_input_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, monkeypatch, initialised=[False, False])
    world.set_up()
    assert not [command for command, _ in world.guest.said if "hvs." in command]
    (order,) = [json.loads(stdin) for _, stdin in world.guest.said if stdin]
    assert order == {
        "vault_addr": "https://127.0.0.1:8200",
        "role_id": "id-appliance",
        "wrapped_token": "hvs.appliance",
        "accessor": "acc-appliance",
        "ca_pem": f"{PEM.strip()}\n{ROOT}",
    }
    assert not [line for line in world.said if "hvs." in line]


def test_an_interrupted_set_up_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, monkeypatch, initialised=[True, True, False, False], reset="reset")
    world.set_up()
    assert world.said[:2] == ["an interrupted set-up begins anew", "initialising OpenBao"]


def test_an_openbao_that_does_not_come_back_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, monkeypatch, initialised=[True] * 61, reset="reset")
    with pytest.raises(ApplianceError, match="run pulumi up again"):
        world.set_up()


def test_a_finished_one_is_brought_up_to_date_by_the_operator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, monkeypatch, initialised=[True, True])
    facts = world.set_up()
    assert facts.ssh_ca_public == "ssh-ed25519 AAAA"
    assert "sys.initialize" not in world.vault.names()
    assert "sys.create_or_update_policy" not in world.vault.names()
    assert world.tokens[-1] == "hvs.operator"
    assert "appliance-bootstrapped" not in world.guest.commands()


def test_nothing_is_asked_of_a_stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path, monkeypatch, initialised=[False])
    with pytest.raises(ApplianceError, match="do not go on"):
        service.set_up(
            world.guest.connection, world.settings, listener_cert="00", progress=world.said.append
        )
    assert world.vault.calls == []


def test_a_token_for_the_sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path, monkeypatch, initialised=[True])
    wrapped = service.issue_enrolment(
        world.guest.connection, role="sandbox", listener_cert=certificate_fingerprint(PEM)
    )
    assert world.tokens == ["hvs.operator"]
    assert (wrapped.role_id, wrapped.accessor) == ("id-sandbox", "acc-sandbox")
