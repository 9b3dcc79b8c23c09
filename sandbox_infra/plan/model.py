"""The plan: frozen values, no behaviour beyond simple lookups. Knows no provider."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv4Network
from typing import Literal
from uuid import UUID

from sandbox_infra.types import DataClass, Role

DomainType = Literal["kvm", "qemu"]
ImagePart = Literal["root.qcow2", "vmlinuz", "initrd.img"]


@dataclass(frozen=True, kw_only=True)
class ImageRef:
    """A golden image as its manifest describes it.

    Attributes:
        name: ``sandbox`` or ``appliance``.
        root_sha256: SHA-256 of ``root.qcow2``, the whole-disk ext4 file system.
        kernel_sha256: SHA-256 of ``vmlinuz``.
        initrd_sha256: SHA-256 of ``initrd.img``.
        root_bytes: Virtual size of the root disk in bytes.
    """

    name: Role
    root_sha256: str
    kernel_sha256: str
    initrd_sha256: str
    root_bytes: int

    def volume_name(self, part: ImagePart) -> str:
        """Name of a part in the hypervisor's pool of images; it contains its checksum."""
        sums: dict[ImagePart, str] = {
            "root.qcow2": self.root_sha256,
            "vmlinuz": self.kernel_sha256,
            "initrd.img": self.initrd_sha256,
        }
        return f"{self.name}-{sums[part][:16]}-{part}"


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What every object of a stack is marked with."""

    project: str
    stack: str
    owner: str
    purpose: str
    data_class: DataClass
    created_at: datetime
    ttl: timedelta
    tags: tuple[tuple[str, str], ...] = ()

    @property
    def expires_at(self) -> datetime:
        """When the stack dies; counted from creation, an update does not move it."""
        return self.created_at + self.ttl


@dataclass(frozen=True, kw_only=True)
class DiskPlan:
    """An encrypted disk of a machine.

    Attributes:
        name: Short name: ``root``, ``home``, ``data``, ``seal`` ...
        volume: File name of the volume in the stack's pool.
        size_mib: Size in MiB.
        mount: Mount point in the guest; ``None`` for the root disk.
        serial: Disk serial: the guest finds it at /dev/disk/by-id/virtio-<serial>.
        key_id: UUID of the libvirt secret that holds its key.
    """

    name: str
    volume: str
    size_mib: int
    mount: str | None
    serial: str
    key_id: UUID


@dataclass(frozen=True, kw_only=True)
class UserPlan:
    """A person's account in the sandbox; keys are resolved to real ones."""

    name: str
    uid: int
    ssh_keys: tuple[str, ...]
    principals: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class MachinePlan:
    """A virtual machine.

    Attributes:
        role: ``sandbox`` or ``appliance``.
        name: Domain name.
        uuid: Domain UUID.
        hostname: Name inside the guest.
        vcpus: Virtual CPUs.
        memory_mib: Memory in MiB.
        domain_type: ``kvm`` or ``qemu`` (TCG).
        image: Its golden image.
        disks: Root disk first.
        mac: MAC address of its only interface.
        address: Its address on the lab network.
        filter_name: The anti-spoofing nwfilter of its interface.
        filter_uuid: UUID of that filter.
    """

    role: Role
    name: str
    uuid: UUID
    hostname: str
    vcpus: int
    memory_mib: int
    domain_type: DomainType
    image: ImageRef
    disks: tuple[DiskPlan, ...]
    mac: str
    address: IPv4Address
    filter_name: str
    filter_uuid: UUID

    @property
    def data_disks(self) -> tuple[DiskPlan, ...]:
        """All disks but the root disk."""
        return self.disks[1:]

    @property
    def console_log(self) -> str:
        """File name of the serial console's log in the stack's pool."""
        return f"{self.role}-console.log"

    @property
    def seed_volume(self) -> str:
        """File name of the cloud-init seed in the stack's pool."""
        return f"{self.role}-seed.iso"


@dataclass(frozen=True, kw_only=True)
class NetworkPlan:
    """The lab network."""

    name: str
    uuid: UUID
    bridge: str
    cidr: IPv4Network
    host_address: IPv4Address


@dataclass(frozen=True, kw_only=True)
class PoolPlan:
    """The stack's storage pool: one directory with everything of it."""

    name: str
    uuid: UUID
    path: str


@dataclass(frozen=True, kw_only=True)
class SandboxPlan:
    """Everything one stack will be."""

    identity: Identity
    host: str
    network: NetworkPlan
    pool: PoolPlan
    appliance: MachinePlan
    sandbox: MachinePlan
    users: tuple[UserPlan, ...]
    operator_key: str
    recovery_recipients: tuple[str, ...]
    ready_timeout: timedelta

    @property
    def machines(self) -> tuple[MachinePlan, MachinePlan]:
        """Both machines, in the order they start."""
        return self.appliance, self.sandbox


@dataclass(frozen=True, kw_only=True)
class HostFacts:
    """What a hypervisor has, as far as the plan needs to know.

    Attributes:
        name: Its name in the inventory.
        cpus: Logical CPUs.
        memory_mib: Memory that guests may use in all, in MiB.
        kvm_works: Whether a guest really boots under KVM.
        pool_root: Directory under which stacks' pools are made.
        foreign_names: ``kind/name`` of objects that bear one of our names but not our UUID.
        networks: IPv4 networks in use by other stacks and by the host.
        committed_mib: Memory promised to the domains of other stacks.
        created_at: When this stack was created, if it exists there already.
        free_disk_mib: Free space where pools are made.
    """

    name: str
    cpus: int
    memory_mib: int
    kvm_works: bool
    pool_root: str
    foreign_names: frozenset[str] = frozenset()
    networks: tuple[IPv4Network, ...] = ()
    committed_mib: int = 0
    created_at: datetime | None = None
    free_disk_mib: int = 1 << 40


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """All that a plan depends on besides the stack file.

    Attributes:
        now: The clock, UTC.
        stack: Name of the Pulumi stack.
        operator_key: The site's operator public key.
        images: The golden images by role.
        hosts: The inventory's hypervisors by name.
    """

    now: datetime
    stack: str
    operator_key: str
    images: dict[Role, ImageRef] = field(default_factory=dict)
    hosts: dict[str, HostFacts] = field(default_factory=dict)
