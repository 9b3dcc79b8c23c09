"""What the templates are given besides the plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Enrolment:
    """What the sandbox needs for its first conversation with its appliance.

    Attributes:
        role_id: AppRole of the sandbox.
        wrapped_token: Single-use, response-wrapped token; the only secret of the user-data.
        accessor: The token's name, for an alarm.
        ca_pem: Certificates that the lab trusts.
        ssh_ca_public: The key that signs people's SSH certificates.
    """

    role_id: str
    wrapped_token: str
    accessor: str
    ca_pem: str
    ssh_ca_public: str

    def __repr__(self) -> str:
        return f"Enrolment(accessor={self.accessor!r})"


PLACEHOLDER: Final = Enrolment(
    role_id="role",
    wrapped_token="token",  # noqa: S106 - stands for one, in digests and checks
    accessor="accessor",
    ca_pem="-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
    ssh_ca_public="ssh-ed25519 AAAA",
)
"""Stands for an enrolment where only the template matters."""
