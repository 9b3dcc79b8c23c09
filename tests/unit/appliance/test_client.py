"""Clients that trust one certificate, forget their token, and speak of errors in our words."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import hvac
import pytest
import requests
from cryptography.hazmat.primitives.serialization import Encoding

from sandbox_infra.appliance.client import (
    certificate_fingerprint,
    check_certificate,
    open_client,
    policy,
)
from sandbox_infra.errors import ApplianceError
from sandbox_infra.secret import Secret
from tests.unit.appliance.certificates import certificate

ADDRESS = "https://127.0.0.1:4711"


def test_the_fingerprint_is_that_of_the_der_form() -> None:
    made = certificate()
    pem = made.public_bytes(Encoding.PEM).decode()
    der = made.public_bytes(Encoding.DER)
    assert certificate_fingerprint(pem) == hashlib.sha256(der).hexdigest()
    check_certificate(f"\n{pem}\n", hashlib.sha256(der).hexdigest())


def test_another_certificate_is_refused_with_both_fingerprints() -> None:
    pem = certificate().public_bytes(Encoding.PEM).decode()
    expected = "ab" * 32
    with pytest.raises(ApplianceError, match="do not go on") as refused:
        check_certificate(pem, expected)
    assert expected in str(refused.value)
    assert certificate_fingerprint(pem) in str(refused.value)


def test_a_client_trusts_the_given_certificate_only() -> None:
    with open_client(ADDRESS, "PEM TEXT") as client:
        file = Path(client.adapter._kwargs["verify"])
        assert file.read_text() == "PEM TEXT"
    assert not file.exists()


def test_a_client_is_nobody_without_a_token() -> None:
    with open_client(ADDRESS, "PEM") as client:
        assert not client.token


def test_the_token_is_forgotten_at_the_end() -> None:
    with open_client(ADDRESS, "PEM", Secret("hvs.secret")) as client:
        assert client.token == "hvs.secret"
    assert client.token is None


def test_the_token_is_forgotten_after_an_error() -> None:
    with (
        pytest.raises(ValueError, match="mine"),
        open_client(ADDRESS, "PEM", Secret("hvs.s")) as client,
    ):
        raise ValueError("mine")  # noqa: EM101 - stands for any error
    assert client.token is None


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            hvac.exceptions.Forbidden(errors=["permission denied"], method="get", url="/v1/kv"),
            "OpenBao refused get /v1/kv: permission denied",
        ),
        (hvac.exceptions.VaultDown("sealed", method="get", url="/v1/kv"), "sealed"),
        (requests.ConnectionError("no route"), "OpenBao does not answer: no route"),
    ],
)
def test_errors_become_ours(error: Exception, words: str) -> None:
    with pytest.raises(ApplianceError) as raised, open_client(ADDRESS, "PEM"):
        raise error
    assert words in str(raised.value)
    assert raised.value.__cause__ is error


def test_an_error_does_not_show_the_token() -> None:
    def fail(_: Any) -> None:
        raise hvac.exceptions.Forbidden(errors=["permission denied"], method="get", url="/v1/x")

    with (
        pytest.raises(ApplianceError) as raised,
        open_client(ADDRESS, "P", Secret("hvs.x")) as client,
    ):
        fail(client)
    assert "hvs.x" not in str(raised.value)


@pytest.mark.parametrize("name", ["appliance", "sandbox", "person", "operator"])
def test_policies_are_part_of_the_package_and_grant_nothing_by_wildcard(name: str) -> None:
    text = policy(name)
    assert "sudo" not in text
    assert 'path "*"' not in text
    assert 'path "sys/*"' not in text
