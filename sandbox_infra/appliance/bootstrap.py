"""Setting up OpenBao: from an empty storage to least privilege, with the root token gone."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import hvac

from sandbox_infra.appliance.client import policy
from sandbox_infra.appliance.recovery import check_recipients, hand_out
from sandbox_infra.errors import ApplianceError
from sandbox_infra.secret import Secret

RECOVERY_SHARES: Final = 5
RECOVERY_THRESHOLD: Final = 3
MACHINE_TTL: Final = "720h"
PERSON_TTL: Final = "24h"
_MACHINES: Final = {
    "appliance": ["appliance.lab.internal", "mlflow.lab.internal", "vault.lab.internal"],
    "sandbox": ["sandbox.lab.internal"],
}
_TEN_YEARS: Final = "87600h"
_ACTIVE_TRIES: Final = 120
_KEY: Final = {"key_type": "ec", "key_bits": 256}


@dataclass(frozen=True, kw_only=True)
class BootstrapSettings:
    """What OpenBao is set up for.

    Attributes:
        project: Name in its certificates.
        users: People who get certificates.
        appliance_address: The appliance's own address.
        sandbox_address: The only address that the sandbox's secrets work from.
        recovery_recipients: SSH public keys for the recovery keys.
        handover: Folder for the encrypted recovery keys.
    """

    project: str
    users: tuple[str, ...]
    appliance_address: str
    sandbox_address: str
    recovery_recipients: tuple[str, ...]
    handover: Path


@dataclass(frozen=True, kw_only=True)
class PublicFacts:
    """What everybody may know of a set-up OpenBao.

    Attributes:
        ca_pem: Root certificate of the project's PKI.
        ssh_ca_public: Public key of the SSH CA.
    """

    ca_pem: str
    ssh_ca_public: str


def initialise(client: hvac.Client, settings: BootstrapSettings) -> Secret:
    """Initialise OpenBao and hand out the recovery keys before anything else happens.

    Returns:
        The root token, which lives in memory only and is revoked at the end of the set-up.

    Raises:
        ApplianceError: The recovery keys could not be handed out; then nothing was initialised.
    """
    check_recipients(settings.recovery_recipients)
    answer = client.sys.initialize(
        secret_shares=None,
        secret_threshold=None,
        recovery_shares=RECOVERY_SHARES,
        recovery_threshold=RECOVERY_THRESHOLD,
    )
    client.token = answer["root_token"]
    cluster = await_active(client)
    hand_out(
        answer["recovery_keys_base64"], settings.recovery_recipients, settings.handover / cluster
    )
    return Secret(answer["root_token"])


def await_active(client: hvac.Client, sleep: Callable[[float], None] = time.sleep) -> str:
    """Wait until OpenBao has unsealed itself and leads its cluster of one.

    Returns:
        The cluster's id.

    Raises:
        ApplianceError: It does not within a minute.
    """
    for _ in range(_ACTIVE_TRIES):
        answer = client.sys.read_health_status(method="GET")
        if isinstance(answer, dict):  # hvac hands out the response itself unless all is well
            return str(answer["cluster_id"])
        sleep(0.5)
    msg = (
        f"OpenBao did not become active, its health is {answer.status_code}; look with: "
        "sandbox logs --guest appliance"
    )
    raise ApplianceError(msg)


def configure(
    client: hvac.Client, settings: BootstrapSettings, progress: Callable[[str], None]
) -> None:
    """Set up engines, roles and policies with the root token."""
    steps: tuple[tuple[str, Callable[[hvac.Client, BootstrapSettings], None]], ...] = (
        ("secrets engines", _engines),
        ("certificate authority", _pki),
        ("SSH authority", _ssh),
        ("policies and roles", _access),
        ("first secrets", _first_secrets),
    )
    for name, step in steps:
        progress(name)
        step(client, settings)


def _engines(client: hvac.Client, _: BootstrapSettings) -> None:
    client.sys.enable_secrets_engine("kv", path="kv", options={"version": "2"})
    client.sys.enable_secrets_engine("transit", path="transit")
    client.sys.enable_secrets_engine(
        "pki", path="pki", config={"max_lease_ttl": _TEN_YEARS, "default_lease_ttl": PERSON_TTL}
    )
    client.sys.enable_secrets_engine("ssh", path="ssh")
    client.secrets.transit.create_key("project", key_type="aes256-gcm96")
    client.secrets.transit.create_key("signing", key_type="ed25519")


def _pki(client: hvac.Client, settings: BootstrapSettings) -> None:
    client.secrets.pki.generate_root(
        type="internal",
        common_name=f"sandbox-infra {settings.project}",
        extra_params={**_KEY, "ttl": _TEN_YEARS},
    )
    for role, domains in _MACHINES.items():
        client.secrets.pki.create_or_update_role(
            role,
            {
                **_KEY,
                "allowed_domains": domains,
                "allow_bare_domains": True,
                "allow_localhost": False,
                "allow_ip_sans": True,
                "server_flag": True,
                "client_flag": True,
                "max_ttl": MACHINE_TTL,
                "ttl": MACHINE_TTL,
            },
        )


def _ssh(client: hvac.Client, _: BootstrapSettings) -> None:
    client.write_data("ssh/config/ca", data={"generate_signing_key": True, "key_type": "ed25519"})


def _access(client: hvac.Client, settings: BootstrapSettings) -> None:
    client.sys.enable_auth_method("approle", path="approle")
    client.sys.enable_auth_method("cert", path="cert")
    accessor = client.sys.list_auth_methods()["data"]["cert/"]["accessor"]
    for name in ("appliance", "sandbox", "person", "operator"):
        client.sys.create_or_update_policy(name, policy(name).replace("ACCESSOR", accessor))
    client.write_data(
        "auth/token/roles/operator",
        data={
            "allowed_policies": ["operator"],
            "disallowed_policies": ["root"],
            "orphan": True,
            "renewable": False,
            "token_explicit_max_ttl": "10m",
            "token_no_default_policy": True,
        },
    )
    addresses = {"appliance": "127.0.0.1", "sandbox": settings.sandbox_address}
    for role, address in addresses.items():
        _machine_access(client, role, address)
    know_people(client, settings.users)


def _machine_access(client: hvac.Client, role: str, address: str) -> None:
    """A machine logs in once with a wrapped secret, afterwards with its certificate."""
    token = {
        "token_policies": [role],
        "token_no_default_policy": True,
        "token_ttl": "10m",
        "token_max_ttl": "10m",
        "token_bound_cidrs": [f"{address}/32"],
    }
    client.write_data(
        f"auth/approle/role/{role}",
        data={
            **token,
            "secret_id_num_uses": 1,
            "secret_id_ttl": "30m",
            "secret_id_bound_cidrs": [f"{address}/32"],
        },
    )
    client.write_data(
        f"auth/cert/certs/{role}",
        data={
            **token,
            "certificate": _root_certificate(client),
            "allowed_common_names": [_MACHINES[role][0]],
        },
    )


def know_people(client: hvac.Client, users: tuple[str, ...]) -> None:
    """Let these people, and nobody else, have certificates and use them; also later on."""
    names = list(users)
    client.secrets.pki.create_or_update_role(
        "person",
        {
            **_KEY,
            "allowed_domains": names,
            "allow_bare_domains": True,
            "allow_localhost": False,
            "allow_ip_sans": False,
            "enforce_hostnames": False,
            "server_flag": False,
            "client_flag": True,
            "max_ttl": PERSON_TTL,
            "ttl": PERSON_TTL,
        },
    )
    client.write_data(
        "auth/cert/certs/person",
        data={
            "certificate": _root_certificate(client),
            "allowed_common_names": names,
            "token_policies": ["person"],
            "token_ttl": "1h",
            "token_max_ttl": "8h",
            "token_no_default_policy": True,
        },
    )
    client.write_data(
        "ssh/roles/person",
        data={
            "key_type": "ca",
            "allow_user_certificates": True,
            "allowed_users": ",".join(names),
            "allowed_extensions": "permit-pty",
            "default_extensions": {"permit-pty": ""},
            "max_ttl": "8h",
            "ttl": "1h",
        },
    )


def _first_secrets(client: hvac.Client, _: BootstrapSettings) -> None:
    client.secrets.kv.v2.create_or_update_secret(
        "project/pseudonymisation", {"key": secrets.token_hex(32)}, mount_point="kv"
    )


def _root_certificate(client: hvac.Client) -> str:
    answer = client.read("pki/cert/ca")
    return str(answer["data"]["certificate"])


def public_facts(client: hvac.Client) -> PublicFacts:
    """Read what guests are told."""
    ssh = client.read("ssh/config/ca")
    return PublicFacts(
        ca_pem=_root_certificate(client), ssh_ca_public=str(ssh["data"]["public_key"]).strip()
    )
