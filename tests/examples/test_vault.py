"""Reading the project's key; OpenBao is a double here."""

from types import SimpleNamespace
from typing import Any

import hvac
import pytest

from examples.lab import vault

ENVIRONMENT = {
    "VAULT_ADDR": "https://vault.lab.internal:8200",
    "VAULT_CACERT": "/home/ada/.lab/ca.pem",
    "VAULT_CLIENT_CERT": "/home/ada/.lab/client.pem",
}


class FakeClient:
    """Notes what is asked of OpenBao."""

    made: list["FakeClient"]

    def __init__(self, url: str, verify: str) -> None:
        self.url, self.verify = url, verify
        self.asked: list[tuple[str, dict[str, Any]]] = []
        cert = SimpleNamespace(login=self._note("login"))
        token = SimpleNamespace(revoke_self=self._note("revoke"))
        self.auth = SimpleNamespace(cert=cert, token=token)
        kv2 = SimpleNamespace(read_secret_version=self._read)
        self.secrets = SimpleNamespace(kv=SimpleNamespace(v2=kv2))
        FakeClient.made.append(self)

    def _note(self, what: str) -> Any:
        return lambda *words, **given: self.asked.append((what, given | {"words": words}))

    def _read(self, **given: Any) -> dict[str, Any]:
        self.asked.append(("read", given))
        return {"data": {"data": {"key": "ab" * 32}}}


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> list[FakeClient]:
    FakeClient.made = []
    monkeypatch.setattr(hvac, "Client", FakeClient)
    return FakeClient.made


def test_the_key_is_read_with_the_certificate_and_the_token_given_back(
    clients: list[FakeClient],
) -> None:
    assert vault.pseudonymisation_key(ENVIRONMENT) == bytes.fromhex("ab" * 32)
    (client,) = clients
    assert (client.url, client.verify) == (ENVIRONMENT["VAULT_ADDR"], ENVIRONMENT["VAULT_CACERT"])
    assert [what for what, _ in client.asked] == ["login", "read", "revoke"]
    certificate = ENVIRONMENT["VAULT_CLIENT_CERT"]
    assert client.asked[0][1] == {
        "words": ("person",),
        "cacert": False,
        "cert_pem": certificate,
        "key_pem": certificate,
    }
    assert client.asked[1][1]["path"] == "project/pseudonymisation"


def test_the_token_is_given_back_even_when_reading_fails(
    clients: list[FakeClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_self: FakeClient, **_given: Any) -> None:
        msg = "permission denied"
        raise PermissionError(msg)

    monkeypatch.setattr(FakeClient, "_read", refuse)
    with pytest.raises(PermissionError):
        vault.pseudonymisation_key(ENVIRONMENT)
    assert [what for what, _ in clients[0].asked] == ["login", "revoke"]


def test_a_token_that_may_not_end_itself_is_left_to_die(
    clients: list[FakeClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise hvac.exceptions.Forbidden

    made = FakeClient.__init__

    def forbidding(self: FakeClient, url: str, verify: str) -> None:
        made(self, url, verify)
        self.auth.token.revoke_self = refuse

    monkeypatch.setattr(FakeClient, "__init__", forbidding)
    assert vault.pseudonymisation_key(ENVIRONMENT) == bytes.fromhex("ab" * 32)
    assert [what for what, _ in clients[0].asked] == ["login", "read"]


def test_a_pseudonym_is_stable_and_depends_on_key_and_name() -> None:
    first = vault.pseudonym(b"k" * 32, "ada")
    assert first == vault.pseudonym(b"k" * 32, "ada")
    assert first != vault.pseudonym(b"k" * 32, "grace")
    assert first != vault.pseudonym(b"l" * 32, "ada")


def test_a_pseudonym_does_not_show_the_name() -> None:
    name = vault.pseudonym(b"k" * 32, "ada")
    assert len(name) == 16
    assert set(name) <= set("0123456789abcdef")
