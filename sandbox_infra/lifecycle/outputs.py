"""What a stack exports, typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sandbox_infra.errors import StackError

Guest = Literal["sandbox", "appliance"]


@dataclass(frozen=True, kw_only=True)
class StackOutputs:
    """A stack that is up, as its program exported it.

    Attributes:
        project: The unit of isolation.
        owner: Who answers for it.
        data_class: Most sensitive data in it.
        created_at: When it was made, UTC.
        expires_at: When it dies, UTC.
        acceleration: ``kvm`` or ``tcg``.
        host: Hypervisor of the inventory.
        uri: libvirt URI.
        netns: Network namespace of the lab bridge; ``None`` for the machine's own.
        sandbox_address: Address of the sandbox on the lab network.
        appliance_address: Address of the appliance.
        sandbox_host_key: Pinned SSH host key, ``type base64``.
        appliance_host_key: Pinned SSH host key of the appliance.
        users: Names of the people.
        jupyter: How to open JupyterLab.
        mlflow: Address of MLflow inside the lab network.
        vault: Address of OpenBao inside the lab network.
        pool: libvirt pool with the stack's files.
        domains: Names of the two domains.
    """

    project: str
    owner: str
    data_class: str
    created_at: datetime
    expires_at: datetime
    acceleration: str
    host: str
    uri: str
    netns: str | None
    sandbox_address: str
    appliance_address: str
    sandbox_host_key: str
    appliance_host_key: str
    users: tuple[str, ...]
    jupyter: str
    mlflow: str
    vault: str
    pool: str
    domains: tuple[str, ...]

    def address(self, guest: Guest) -> str:
        """Address of a guest on the lab network."""
        return self.sandbox_address if guest == "sandbox" else self.appliance_address

    def host_key(self, guest: Guest) -> str:
        """Pinned host key of a guest."""
        return self.sandbox_host_key if guest == "sandbox" else self.appliance_host_key


_TEXTS = tuple(name for name, kind in StackOutputs.__annotations__.items() if kind == "str")


def read_outputs(raw: Mapping[str, Any], *, stack: str) -> StackOutputs:
    """Read exported values.

    Raises:
        StackError: Some are missing: the stack is not up, or not by this version.
    """
    try:
        return StackOutputs(
            created_at=datetime.fromisoformat(raw["created_at"]),
            expires_at=datetime.fromisoformat(raw["expires_at"]),
            netns=raw["netns"] or None,
            users=tuple(raw["users"]),
            domains=tuple(raw["domains"]),
            **{name: str(raw[name]) for name in _TEXTS},
        )
    except (KeyError, TypeError, ValueError) as exc:
        what = f"its output {exc} is missing" if isinstance(exc, KeyError) else str(exc)
        msg = f"the stack {stack!r} is not up ({what}); run: sandbox up {stack}"
        raise StackError(msg) from exc
