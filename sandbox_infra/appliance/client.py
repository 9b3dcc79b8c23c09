"""Clients of OpenBao that trust one certificate and nothing else."""

from __future__ import annotations

import base64
import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hvac
import requests

from sandbox_infra.errors import ApplianceError
from sandbox_infra.secret import Secret

_TIMEOUT_S = 60


@contextmanager
def open_client(address: str, ca_pem: str, token: Secret | None = None) -> Iterator[hvac.Client]:
    """A client for the length of a ``with`` block.

    Args:
        address: Such as ``https://127.0.0.1:8200``.
        ca_pem: The only certificate it trusts.
        token: Who it is; nobody without.

    Raises:
        ApplianceError: OpenBao refused a request or does not answer.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(ca_pem)
        file.flush()
        client = hvac.Client(url=address, verify=file.name, timeout=_TIMEOUT_S)
        client.token = token.reveal() if token else None
        try:
            yield client
        except hvac.exceptions.VaultError as exc:
            msg = f"OpenBao refused {exc.method} {exc.url}: {'; '.join(exc.errors or [str(exc)])}"
            raise ApplianceError(msg) from exc
        except requests.RequestException as exc:
            msg = f"OpenBao does not answer: {exc}"
            raise ApplianceError(msg) from exc
        finally:
            client.token = None
            client.adapter.close()


def check_certificate(pem: str, expected: str) -> None:
    """Compare a certificate with the fingerprint that the console showed.

    Args:
        pem: The certificate as the guest hands it out.
        expected: SHA-256 of its DER form, in hex.

    Raises:
        ApplianceError: It is another one.
    """
    found = certificate_fingerprint(pem)
    if found != expected:
        msg = (
            f"OpenBao's certificate has the fingerprint {found}, the console showed {expected}; "
            "do not go on: look at the appliance with: sandbox logs --console --guest appliance"
        )
        raise ApplianceError(msg)


def certificate_fingerprint(pem: str) -> str:
    """SHA-256 of a certificate's DER form, in hex."""
    body = "".join(line for line in pem.strip().splitlines() if not line.startswith("-----"))
    return hashlib.sha256(base64.b64decode(body)).hexdigest()


def policy(name: str) -> str:
    """Text of one of the policies in policies/."""
    return (Path(__file__).parent / "policies" / f"{name}.hcl").read_text()
