"""The appliance's services: OpenBao set up once, and tokens for those who enrol."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pulumi
from pulumi import Output, ResourceOptions
from pulumi.dynamic import CreateResult, Resource, UpdateResult

from sandbox_infra.appliance import service
from sandbox_infra.appliance.bootstrap import BootstrapSettings
from sandbox_infra.components.libvirt.access import Access
from sandbox_infra.components.libvirt.dynamic import Props, Provider
from sandbox_infra.components.libvirt.machine import Machine
from sandbox_infra.guest.ssh import GuestConnection, GuestTarget, connect_guest
from sandbox_infra.plan.model import SandboxPlan


class ServicesProvider(Provider):
    """OpenBao initialised and set up, the appliance enrolled."""

    updating = ("generation", "users", "sandbox_address", "host_key")

    def create(self, props: Props) -> CreateResult:
        """Set it up; goes on where an interrupted run has stopped."""
        return CreateResult(id_=props["project"], outs={**props, **_set_up(props)})

    def update(self, _id: str, _olds: Props, news: Props) -> UpdateResult:
        """Converge."""
        return UpdateResult(outs={**news, **_set_up(news)})


def _set_up(props: Props) -> dict[str, str]:
    settings = BootstrapSettings(
        project=props["project"],
        users=tuple(props["users"]),
        appliance_address=props["address"],
        sandbox_address=props["sandbox_address"],
        recovery_recipients=tuple(props["recovery_recipients"]),
        handover=Path(props["handover"]),
    )
    with _appliance(props) as guest:
        facts = service.set_up(
            guest,
            settings,
            listener_cert=props["listener_cert"],
            progress=lambda stage: print(f"{props['machine']}: {stage}", flush=True),
        )
    return {"ca_pem": facts.ca_pem, "ssh_ca_public": facts.ssh_ca_public}


@contextmanager
def _appliance(props: Props) -> Iterator[GuestConnection]:
    target = GuestTarget(
        address=props["address"],
        user="operator",
        host_key=props["host_key"],
        netns=props["netns"] or None,
        key_path=Path(props["key_path"]),
    )
    with connect_guest(target) as guest:
        yield guest


class Services(Resource, module="libvirt", name="Services"):
    """That the appliance's services are set up.

    Attributes:
        ca_pem: The certificates that guests trust.
        ssh_ca_public: The key that signs people's SSH certificates.
    """

    ca_pem: Output[str]
    ssh_ca_public: Output[str]

    def __init__(self, name: str, props: Props, opts: ResourceOptions | None = None) -> None:
        props = {**props, "ca_pem": None, "ssh_ca_public": None}
        super().__init__(ServicesProvider(), name, props, opts)


class EnrolmentTokenProvider(Provider):
    """A single-use, response-wrapped token for a machine's first boot."""

    replacing = ("generation",)

    def create(self, props: Props) -> CreateResult:
        """Ask OpenBao for one; it dies unused after a quarter of an hour."""
        with _appliance(props) as guest:
            wrapped = service.issue_enrolment(
                guest,
                role="sandbox",
                listener_cert=props["listener_cert"],
            )
        outs = {
            "wrapped_token": wrapped.token.reveal(),
            "accessor": wrapped.accessor,
            "role_id": wrapped.role_id,
        }
        return CreateResult(id_=wrapped.accessor, outs={**props, **outs})


class EnrolmentToken(Resource, module="libvirt", name="EnrolmentToken"):
    """What the sandbox enrols with.

    Attributes:
        wrapped_token: The token; a secret of the state, worthless once used.
        accessor: Its name, which an alarm mentions.
        role_id: The AppRole it belongs to.
    """

    wrapped_token: Output[str]
    accessor: Output[str]
    role_id: Output[str]

    def __init__(self, name: str, props: Props, opts: ResourceOptions | None = None) -> None:
        props = {**props, "wrapped_token": None, "accessor": None, "role_id": None}
        opts = ResourceOptions.merge(
            opts, ResourceOptions(additional_secret_outputs=["wrapped_token"])
        )
        super().__init__(EnrolmentTokenProvider(), name, props, opts)


class ApplianceServices(pulumi.ComponentResource):
    """The services of an appliance that is ready.

    Attributes:
        ca_pem: The certificates that guests trust.
        ssh_ca_public: The key that signs people's SSH certificates.
    """

    ca_pem: Output[str]
    ssh_ca_public: Output[str]

    def __init__(
        self,
        plan: SandboxPlan,
        machine: Machine,
        handover: Path,
        access: Access,
        opts: ResourceOptions | None = None,
    ) -> None:
        name = f"{plan.appliance.name}-services"
        super().__init__("sandbox:libvirt:ApplianceServices", name, None, opts)
        self._plan, self._machine, self._access = plan, machine, access
        self._services = Services(
            name,
            {
                **self._props(),
                "project": plan.identity.project,
                "users": [user.name for user in plan.users],
                "recovery_recipients": list(plan.recovery_recipients),
                "handover": str(handover),
                "generation": machine.generation,
            },
            ResourceOptions(parent=self),
        )
        self.ca_pem = self._services.ca_pem
        self.ssh_ca_public = self._services.ssh_ca_public
        self.register_outputs({"ca_pem": self.ca_pem})

    def enrolment(self, generation: str) -> EnrolmentToken:
        """A token for the sandbox; a new one for every new generation of it."""
        return EnrolmentToken(
            f"{self._plan.sandbox.name}-enrolment",
            {**self._props(), "generation": generation},
            ResourceOptions(parent=self, depends_on=[self._services]),
        )

    def _props(self) -> Props:
        return {
            **self._access.props(),
            "machine": self._plan.appliance.name,
            "address": str(self._plan.appliance.address),
            "sandbox_address": str(self._plan.sandbox.address),
            "host_key": self._machine.host_key,
            "listener_cert": self._machine.listener_cert,
        }
