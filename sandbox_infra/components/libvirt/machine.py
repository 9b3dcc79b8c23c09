"""A virtual machine with its encrypted disks, its filter and its seed, ready or not at all."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import pulumi
import pulumi_libvirt as libvirt
from pulumi import Input, Output, ResourceOptions
from pulumi.dynamic import CreateResult, ReadResult, Resource, UpdateResult

from sandbox_infra.backends import libvirt_xml
from sandbox_infra.components.libvirt.access import Access
from sandbox_infra.components.libvirt.dynamic import Props, Provider
from sandbox_infra.components.libvirt.network import InterfaceFilter
from sandbox_infra.components.libvirt.storage import DiskArgs, EncryptedDisk, GoldenImage
from sandbox_infra.guest.readiness import wait_ready
from sandbox_infra.hypervisor import domains, storage
from sandbox_infra.hypervisor.connection import Hypervisor, connect
from sandbox_infra.plan.model import MachinePlan, SandboxPlan


class ReadinessProvider(Provider):
    """Waits until a guest has said that it is ready, or says why it is not."""

    replacing = ("generation",)

    def create(self, props: Props) -> CreateResult:
        """Follow the guest's console to the word ready."""
        with connect(props["uri"]) as hypervisor:
            state = wait_ready(
                partial(_console, hypervisor, props),
                timeout=timedelta(seconds=float(props["timeout_s"])),
                on_progress=lambda stage: print(f"{props['machine']}: {stage}", flush=True),
            )
        outs = {"host_key": state.host_keys[-1], "listener_cert": state.listener_cert or ""}
        return CreateResult(id_=props["machine"], outs={**props, **outs})


def _console(hypervisor: Hypervisor, props: Props) -> str:
    return storage.read_volume_text(hypervisor, props["pool"], props["console_log"])


class Readiness(Resource, module="libvirt", name="Readiness"):
    """That a guest became ready.

    Attributes:
        host_key: Its SSH host key, as its console showed it.
        listener_cert: SHA-256 of OpenBao's certificate (appliance), in hex.
    """

    host_key: Output[str]
    listener_cert: Output[str]

    def __init__(self, name: str, props: Props, opts: ResourceOptions | None = None) -> None:
        props = {**props, "host_key": None, "listener_cert": None}
        super().__init__(ReadinessProvider(), name, props, opts)


class DomainGuardProvider(Provider):
    """Remembers how a domain was defined, so that a change by hand is seen and undone."""

    replacing = ("generation",)
    updating = ("expires_at",)

    def create(self, props: Props) -> CreateResult:
        """Mark the domain with its lifetime and remember its definition."""
        with connect(props["uri"]) as hypervisor:
            domains.set_lifetime_metadata(
                hypervisor, props["machine"], props["created_at"], props["expires_at"]
            )
            found = domains.fingerprint(hypervisor, props["machine"])
        outs = {"fingerprint": found.digest, "observed": found.digest, "xml": found.xml}
        return CreateResult(id_=props["machine"], outs={**props, **outs})

    def read(self, id_: str, props: Props) -> ReadResult:
        """Look at the domain again."""
        with connect(props["uri"]) as hypervisor:
            if not domains.exists(hypervisor, id_):
                return ReadResult(id_="", outs={})
            found = domains.fingerprint(hypervisor, id_)
        return ReadResult(id_=id_, outs={**props, "observed": found.digest})

    def diff(self, _id: str, olds: Props, news: Props) -> pulumi.dynamic.DiffResult:
        """A changed input, or a domain that is not as it was defined."""
        result = super().diff(_id, olds, news)
        result.changes = result.changes or olds["observed"] != olds["fingerprint"]
        return result

    def update(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        """Define the domain as it was, restarting it where the running one differs."""
        with connect(news["uri"]) as hypervisor:
            if olds["observed"] != olds["fingerprint"]:
                print(f"{id_}: restoring the definition", flush=True)
                domains.restore(hypervisor, id_, olds["xml"])
            domains.set_lifetime_metadata(hypervisor, id_, news["created_at"], news["expires_at"])
            found = domains.fingerprint(hypervisor, id_)
        outs = {"fingerprint": found.digest, "observed": found.digest, "xml": found.xml}
        return UpdateResult(outs={**news, **outs})


class DomainGuard(Resource, module="libvirt", name="DomainGuard"):
    """That a domain still is what was defined.

    Attributes:
        fingerprint: SHA-256 of its definition when it was made.
    """

    fingerprint: Output[str]

    def __init__(self, name: str, props: Props, opts: ResourceOptions | None = None) -> None:
        props = {**props, "fingerprint": None, "observed": None, "xml": None}
        super().__init__(DomainGuardProvider(), name, props, opts)


@dataclass(frozen=True, kw_only=True)
class MachineArgs:
    """What a machine needs.

    Attributes:
        plan: The whole stack's plan.
        machine: The machine's own part of it.
        pool: The stack's pool.
        network_id: The lab network.
        image: Its golden image on the hypervisor.
        user_data: Rendered cloud-init user-data.
        meta_data: Rendered cloud-init meta-data.
        network_config: Rendered cloud-init network configuration.
        template_digest: Changes when the templates or the plan change.
    """

    plan: SandboxPlan
    machine: MachinePlan
    pool: Output[str]
    network_id: Output[str]
    image: GoldenImage
    user_data: Input[str]
    meta_data: str
    network_config: str
    template_digest: str


class Machine(pulumi.ComponentResource):
    """A guest that is ready.

    Attributes:
        host_key: Its SSH host key.
        listener_cert: SHA-256 of OpenBao's certificate, for the appliance.
        generation: Changes when the machine is replaced.
    """

    host_key: Output[str]
    listener_cert: Output[str]

    def __init__(
        self, args: MachineArgs, access: Access, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("sandbox:libvirt:Machine", args.machine.name, None, opts)
        self._args, self._access = args, access
        self.generation = generation(args)
        disks = self._disks()
        domain = self._domain(disks, self._filter(), self._seed())
        guard = self._guard(domain)
        ready = self._readiness(domain, guard)
        self.host_key, self.listener_cert = ready.host_key, ready.listener_cert
        self.register_outputs({"host_key": self.host_key})

    def _disks(self) -> list[EncryptedDisk]:
        args, identity = self._args, self._args.plan.identity
        return [
            EncryptedDisk(
                f"{args.machine.name}-{disk.name}",
                DiskArgs(
                    disk=disk,
                    pool=args.pool,
                    base=args.image.root if disk.mount is None else None,
                    generation=self.generation if disk.mount is None else "",
                    description=f"sandbox-infra {identity.project} {identity.stack} {disk.volume}",
                ),
                self._access,
                ResourceOptions(parent=self),
            )
            for disk in args.machine.disks
        ]

    def _filter(self) -> InterfaceFilter:
        args = self._args
        return InterfaceFilter(
            args.machine, args.plan.network, self._access, ResourceOptions(parent=self)
        )

    def _seed(self) -> libvirt.CloudInitDisk:
        args = self._args
        return libvirt.CloudInitDisk(
            f"{args.machine.name}-seed",
            name=args.machine.seed_volume,
            pool=args.pool,
            user_data=Output.secret(args.user_data),
            meta_data=args.meta_data,
            network_config=args.network_config,
            opts=ResourceOptions(parent=self, delete_before_replace=True),
        )

    def _domain(
        self,
        disks: list[EncryptedDisk],
        interface_filter: InterfaceFilter,
        seed: libvirt.CloudInitDisk,
    ) -> libvirt.Domain:
        args, machine = self._args, self._args.machine
        return libvirt.Domain(
            machine.name,
            name=machine.name,
            type=machine.domain_type,
            machine="q35",
            memory=machine.memory_mib,
            vcpu=machine.vcpus,
            cpu=libvirt.DomainCpuArgs(mode=libvirt_xml.cpu_mode(machine)),
            kernel=args.image.kernel,
            initrd=args.image.initrd,
            cmdlines=list(libvirt_xml.KERNEL_COMMAND_LINE),
            disks=[libvirt.DomainDiskArgs(volume_id=disk.volume_id) for disk in disks],
            cloudinit=seed.id,
            network_interfaces=[
                libvirt.DomainNetworkInterfaceArgs(
                    network_id=args.network_id, mac=machine.mac.upper()
                )
            ],
            autostart=True,
            running=True,
            xml=libvirt.DomainXmlArgs(xslt=libvirt_xml.domain_xslt(machine, args.plan)),
            opts=ResourceOptions(
                parent=self,
                depends_on=[interface_filter],
                delete_before_replace=True,
                replace_on_changes=["cloudinit"],
            ),
        )

    def _guard(self, domain: libvirt.Domain) -> DomainGuard:
        identity, machine = self._args.plan.identity, self._args.machine
        return DomainGuard(
            f"{machine.name}-guard",
            {
                **self._access.props(),
                "machine": machine.name,
                "domain_id": domain.id,
                "generation": self.generation,
                "created_at": identity.created_at.isoformat(),
                "expires_at": identity.expires_at.isoformat(),
            },
            ResourceOptions(parent=self),
        )

    def _readiness(self, domain: libvirt.Domain, guard: DomainGuard) -> Readiness:
        args = self._args
        return Readiness(
            f"{args.machine.name}-ready",
            {
                **self._access.props(),
                "machine": args.machine.name,
                "domain_id": domain.id,
                "pool": args.plan.pool.name,
                "console_log": args.machine.console_log,
                "timeout_s": str(args.plan.ready_timeout.total_seconds()),
                "generation": self.generation,
            },
            ResourceOptions(parent=self, depends_on=[guard]),
        )


def generation(args: MachineArgs) -> str:
    """A digest of all that makes a machine: another digest means another machine."""
    machine, plan = args.machine, args.plan
    parts = (
        args.template_digest,
        repr(machine),
        libvirt_xml.domain_xslt(machine, plan),
        repr(libvirt_xml.KERNEL_COMMAND_LINE),
    )
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
