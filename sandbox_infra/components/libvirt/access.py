"""How the resources of a stack reach their hypervisor and its guests."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox_infra.hypervisor.hosts import Host
from sandbox_infra.site import Site


@dataclass(frozen=True, kw_only=True)
class Access:
    """The way to a hypervisor and, through it, to guests.

    Attributes:
        uri: libvirt URI.
        netns: Network namespace in which the lab bridges are; empty for the host's own.
        key_path: The operator's SSH private key.
    """

    uri: str
    netns: str
    key_path: str

    @classmethod
    def of(cls, host: Host, site: Site) -> Access:
        """The way to a host of the inventory from this site."""
        return cls(uri=host.uri, netns=host.netns or "", key_path=str(site.operator_key))

    def props(self) -> dict[str, str]:
        """As inputs of a dynamic resource."""
        return {"uri": self.uri, "netns": self.netns, "key_path": self.key_path}
