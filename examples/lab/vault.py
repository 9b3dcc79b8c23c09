"""The project's secrets, read from OpenBao with the person's own client certificate.

Nothing here is typed in or written down: VAULT_ADDR, VAULT_CACERT and VAULT_CLIENT_CERT are set
for everybody who works in the sandbox, and the certificate was issued at enrolment.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from contextlib import suppress

import hvac

_ROLE = "person"
_MOUNT = "kv"
_PATH = "project/pseudonymisation"
_DIGITS = 16


def pseudonymisation_key(environment: Mapping[str, str] = os.environ) -> bytes:
    """The project's key for keyed hashes, 32 bytes."""
    client = _log_in(environment)
    try:
        answer = client.secrets.kv.v2.read_secret_version(
            path=_PATH, mount_point=_MOUNT, raise_on_deleted_version=True
        )
    finally:
        # The token has done its work. Where its policy does not let it end itself, it dies alone.
        with suppress(hvac.exceptions.Forbidden):
            client.auth.token.revoke_self()
    return bytes.fromhex(answer["data"]["data"]["key"])


def pseudonym(key: bytes, identifier: str) -> str:
    """A stable name for somebody that only holders of the key can connect with them.

    A plain hash of a name is undone by hashing all names; a keyed one (HMAC-SHA256) is not.
    """
    return hmac.new(key, identifier.encode(), hashlib.sha256).hexdigest()[:_DIGITS]


def _log_in(environment: Mapping[str, str]) -> hvac.Client:
    certificate = environment["VAULT_CLIENT_CERT"]
    # One PEM file holds both key and certificate.
    client = hvac.Client(environment["VAULT_ADDR"], verify=environment["VAULT_CACERT"])
    client.auth.cert.login(_ROLE, cacert=False, cert_pem=certificate, key_pem=certificate)
    return client
