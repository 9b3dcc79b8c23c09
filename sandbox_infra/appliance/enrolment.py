"""Single-use tokens with which machines enrol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import hvac

from sandbox_infra.secret import Secret
from sandbox_infra.types import Role

WRAP_TTL: Final = "20m"
"""How long a machine has from being defined to its first conversation."""


@dataclass(frozen=True, kw_only=True)
class WrappedSecret:
    """A response-wrapped secret-id.

    Attributes:
        token: The wrapping token; worthless once used.
        accessor: Its name; an alarm mentions it.
        role_id: The AppRole it belongs to.
    """

    token: Secret
    accessor: str
    role_id: str


def issue(client: hvac.Client, role: Role) -> WrappedSecret:
    """Ask for a secret-id of a machine that nobody, not even we, gets to see."""
    answer = client.write_data(f"auth/approle/role/{role}/secret-id", wrap_ttl=WRAP_TTL)
    wrapped = answer["wrap_info"]
    role_id = client.read(f"auth/approle/role/{role}/role-id")["data"]["role_id"]
    return WrappedSecret(
        token=Secret(wrapped["token"]), accessor=str(wrapped["accessor"]), role_id=str(role_id)
    )
