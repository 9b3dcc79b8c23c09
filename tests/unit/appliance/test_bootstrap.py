"""The set-up's order and what its roles allow; that OpenBao obeys is shown in integration."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox_infra.appliance import bootstrap
from sandbox_infra.appliance.bootstrap import (
    BootstrapSettings,
    await_active,
    configure,
    initialise,
    know_people,
    public_facts,
)
from sandbox_infra.errors import ApplianceError
from tests.unit.appliance.doubles import FakeVault
from tests.unit.appliance.test_recovery import key_pair

ROOT = "-----BEGIN CERTIFICATE-----\nroot\n-----END CERTIFICATE-----"
ANSWERS: dict[str, Any] = {
    "sys.initialize": {"root_token": "hvs.root", "recovery_keys_base64": list("abcde")},
    "sys.read_health_status": {"cluster_id": "c1", "initialized": True},
    "sys.list_auth_methods": {"data": {"cert/": {"accessor": "auth_cert_77"}}},
    "read pki/cert/ca": {"data": {"certificate": ROOT}},
    "read ssh/config/ca": {"data": {"public_key": "ssh-ed25519 AAAA\n"}},
}


@pytest.fixture
def settings(tmp_path: Path) -> BootstrapSettings:
    return BootstrapSettings(
        project="demo",
        users=("ada", "grace"),
        appliance_address="10.77.0.2",
        sandbox_address="10.77.0.10",
        recovery_recipients=(key_pair()[0],),
        handover=tmp_path / "handover",
    )


@pytest.fixture
def vault() -> FakeVault:
    return FakeVault(dict(ANSWERS))


def test_recovery_keys_are_handed_out_under_the_clusters_name(
    vault: FakeVault, settings: BootstrapSettings
) -> None:
    token = initialise(vault.client, settings)
    assert token.reveal() == "hvs.root"
    assert len(list((settings.handover / "c1").glob("recovery-*.age"))) == 5
    (given,) = [more for name, _, more in vault.calls if name == "sys.initialize"]
    assert given == {
        "secret_shares": None,
        "secret_threshold": None,
        "recovery_shares": 5,
        "recovery_threshold": 3,
    }


def test_nothing_is_initialised_when_nobody_could_read_the_keys(
    vault: FakeVault, settings: BootstrapSettings
) -> None:
    wrong = BootstrapSettings(**{**vars(settings), "recovery_recipients": ("ssh-rsa no",)})
    with pytest.raises(ApplianceError):
        initialise(vault.client, wrong)
    assert vault.calls == []


def test_a_sleeping_openbao_is_waited_for() -> None:
    sealed = SimpleNamespace(status_code=503)
    vault = FakeVault({"sys.read_health_status": [sealed, sealed, {"cluster_id": "c2"}]})
    slept: list[float] = []
    assert await_active(vault.client, slept.append) == "c2"
    assert slept == [0.5, 0.5]


def test_an_openbao_that_stays_sealed_is_given_up() -> None:
    vault = FakeVault({"sys.read_health_status": SimpleNamespace(status_code=503)})
    slept: list[float] = []
    with pytest.raises(ApplianceError, match="503"):
        await_active(vault.client, slept.append)
    assert sum(slept) == 60


def test_the_steps_are_told_in_order(vault: FakeVault, settings: BootstrapSettings) -> None:
    said: list[str] = []
    configure(vault.client, settings, said.append)
    assert said == [
        "secrets engines",
        "certificate authority",
        "SSH authority",
        "policies and roles",
        "first secrets",
    ]


def test_policies_name_the_accessor_of_the_certificates(
    vault: FakeVault, settings: BootstrapSettings
) -> None:
    configure(vault.client, settings, lambda _: None)
    written = {
        words[0]: words[1]
        for name, words, _ in vault.calls
        if name == "sys.create_or_update_policy"
    }
    assert set(written) == {"appliance", "sandbox", "person", "operator"}
    assert "aliases.auth_cert_77.name" in written["person"]
    assert not [name for name, text in written.items() if "ACCESSOR" in text]


@pytest.mark.parametrize(
    ("role", "address"), [("appliance", "127.0.0.1/32"), ("sandbox", "10.77.0.10/32")]
)
def test_machines_log_in_from_their_own_address_only(
    vault: FakeVault, settings: BootstrapSettings, role: str, address: str
) -> None:
    configure(vault.client, settings, lambda _: None)
    once = vault.given("write_data", f"auth/approle/role/{role}")
    assert once["secret_id_bound_cidrs"] == once["token_bound_cidrs"] == [address]
    assert once["secret_id_num_uses"] == 1
    later = vault.given("write_data", f"auth/cert/certs/{role}")
    assert later["token_bound_cidrs"] == [address]
    assert later["allowed_common_names"] == [f"{role}.lab.internal"]
    assert later["certificate"] == ROOT


def test_every_token_is_without_the_default_policy(
    vault: FakeVault, settings: BootstrapSettings
) -> None:
    configure(vault.client, settings, lambda _: None)
    roles = [
        more["data"]
        for name, words, more in vault.calls
        if name == "write_data" and words[0].startswith("auth/")
    ]
    assert len(roles) == 6
    assert all(role["token_no_default_policy"] for role in roles)


def test_the_operators_token_ends_after_ten_minutes(
    vault: FakeVault, settings: BootstrapSettings
) -> None:
    configure(vault.client, settings, lambda _: None)
    role = vault.given("write_data", "auth/token/roles/operator")
    assert (role["token_explicit_max_ttl"], role["renewable"]) == ("10m", False)
    assert role["allowed_policies"] == ["operator"]


def test_people_are_exactly_those_of_the_stack_file(vault: FakeVault) -> None:
    know_people(vault.client, ("ada", "grace"))
    roles = [
        words[1] for name, words, _ in vault.calls if name.endswith("pki.create_or_update_role")
    ]
    assert roles[-1]["allowed_domains"] == ["ada", "grace"]
    assert (roles[-1]["client_flag"], roles[-1]["server_flag"]) == (True, False)
    login = vault.given("write_data", "auth/cert/certs/person")
    assert login["allowed_common_names"] == ["ada", "grace"]
    assert vault.given("write_data", "ssh/roles/person")["allowed_users"] == "ada,grace"


def test_the_first_secret_is_new_every_time(settings: BootstrapSettings) -> None:
    keys = set()
    for _ in range(2):
        vault = FakeVault(dict(ANSWERS))
        configure(vault.client, settings, lambda _: None)
        (secret,) = [
            words for name, words, _ in vault.calls if name.endswith("create_or_update_secret")
        ]
        assert secret[0] == "project/pseudonymisation"
        assert re.fullmatch("[0-9a-f]{64}", secret[1]["key"])
        keys.add(secret[1]["key"])
    assert len(keys) == 2


def test_public_facts(vault: FakeVault) -> None:
    facts = public_facts(vault.client)
    assert (facts.ca_pem, facts.ssh_ca_public) == (ROOT, "ssh-ed25519 AAAA")


def test_every_policy_belongs_to_a_role() -> None:
    folder = Path(bootstrap.__file__).parent / "policies"
    assert {file.stem for file in folder.iterdir()} == {
        "appliance",
        "sandbox",
        "person",
        "operator",
    }
