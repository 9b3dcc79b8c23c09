"""Single-use tokens: always wrapped, never seen."""

from __future__ import annotations

from sandbox_infra.appliance.enrolment import WRAP_TTL, issue
from tests.unit.appliance.doubles import FakeVault

ANSWERS = {
    "write_data auth/approle/role/sandbox/secret-id": {
        "wrap_info": {"token": "hvs.wrapped", "accessor": "acc1"}
    },
    "read auth/approle/role/sandbox/role-id": {"data": {"role_id": "role1"}},
}


def test_a_secret_id_is_only_ever_asked_for_wrapped() -> None:
    vault = FakeVault(dict(ANSWERS))
    wrapped = issue(vault.client, "sandbox")
    assert vault.calls[0] == (
        "write_data",
        ("auth/approle/role/sandbox/secret-id",),
        {"wrap_ttl": WRAP_TTL},
    )
    assert (wrapped.accessor, wrapped.role_id) == ("acc1", "role1")
    assert wrapped.token.reveal() == "hvs.wrapped"


def test_the_token_is_masked() -> None:
    wrapped = issue(FakeVault(dict(ANSWERS)).client, "sandbox")
    assert "hvs.wrapped" not in repr(wrapped)
    assert "hvs.wrapped" not in f"{wrapped.token}"
