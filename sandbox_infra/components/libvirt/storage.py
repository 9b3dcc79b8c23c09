"""The stack's pool with its record, the golden images, and the keys of its disks."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import UUID

import pulumi
import pulumi_libvirt as libvirt
from pulumi import Input, Output, ResourceOptions
from pulumi.dynamic import CreateResult, ReadResult, Resource, UpdateResult

from sandbox_infra.backends import libvirt_xml
from sandbox_infra.components.libvirt.access import Access
from sandbox_infra.components.libvirt.dynamic import Props, Provider
from sandbox_infra.hypervisor import keys, storage
from sandbox_infra.hypervisor.connection import connect
from sandbox_infra.plan.model import DiskPlan, ImageRef, SandboxPlan

RECORD = "stack.json"
"""The file in the pool that says whose it is and when it ends; libvirt pools hold no metadata."""


class DiskKeyProvider(Provider):
    """A disk key: a private libvirt secret that nobody can read back."""

    replacing = ("key_id",)

    def create(self, props: Props) -> CreateResult:
        """Make the key inside the hypervisor."""
        with connect(props["uri"]) as hypervisor:
            keys.create_disk_key(hypervisor, UUID(props["key_id"]), props["description"])
        return CreateResult(id_=props["key_id"], outs=props)

    def read(self, id_: str, props: Props) -> ReadResult:
        """Look whether the key is still there."""
        with connect(props["uri"]) as hypervisor:
            present = keys.exists(hypervisor, UUID(id_))
        return ReadResult(id_=id_ if present else "", outs=props if present else {})

    def delete(self, id_: str, props: Props) -> None:
        """Destroy the key, and with it the data of its disk."""
        with connect(props["uri"]) as hypervisor:
            keys.delete_disk_key(hypervisor, UUID(id_))


class DiskKey(Resource, module="libvirt", name="DiskKey"):
    """The key of one encrypted disk."""

    def __init__(self, name: str, props: Props, opts: ResourceOptions | None = None) -> None:
        super().__init__(DiskKeyProvider(), name, props, opts)


class GoldenImageProvider(Provider):
    """A golden image in the hypervisor's pool of images; shared, so never deleted with a stack."""

    replacing = ("root_sha256", "kernel_sha256", "initrd_sha256")

    def create(self, props: Props) -> CreateResult:
        """Upload what is missing, checking it against the manifest."""
        image = ImageRef(
            name=props["role"],
            root_sha256=props["root_sha256"],
            kernel_sha256=props["kernel_sha256"],
            initrd_sha256=props["initrd_sha256"],
            root_bytes=int(props["root_bytes"]),
        )
        with connect(props["uri"]) as hypervisor:
            paths = storage.ensure_image(hypervisor, image, Path(props["folder"]))
        outs = {
            "root": paths["root.qcow2"],
            "kernel": paths["vmlinuz"],
            "initrd": paths["initrd.img"],
        }
        return CreateResult(id_=image.volume_name("root.qcow2"), outs={**props, **outs})


class GoldenImage(Resource, module="libvirt", name="GoldenImage"):
    """A golden image on the hypervisor.

    Attributes:
        root: Path of the root disk.
        kernel: Path of the kernel.
        initrd: Path of the initramfs.
    """

    root: Output[str]
    kernel: Output[str]
    initrd: Output[str]

    def __init__(
        self, image: ImageRef, folder: Path, access: Access, opts: ResourceOptions | None = None
    ) -> None:
        props: Props = {
            **access.props(),
            **asdict(image),
            "role": image.name,
            "folder": str(folder),
            "root": None,
            "kernel": None,
            "initrd": None,
        }
        props["root_bytes"] = str(image.root_bytes)
        super().__init__(GoldenImageProvider(), f"image-{image.name}", props, opts)


class StackRecordProvider(Provider):
    """The stack's record in its pool, and the console logs that lie beside it."""

    replacing = ("pool",)
    updating = ("content",)

    def create(self, props: Props) -> CreateResult:
        """Write the record."""
        with connect(props["uri"]) as hypervisor:
            storage.write_volume_text(hypervisor, props["pool"], RECORD, props["content"])
        return CreateResult(id_=f"{props['pool']}/{RECORD}", outs=props)

    def update(self, _id: str, _olds: Props, news: Props) -> UpdateResult:
        """Write it anew."""
        with connect(news["uri"]) as hypervisor:
            storage.write_volume_text(hypervisor, news["pool"], RECORD, news["content"])
        return UpdateResult(outs=news)

    def delete(self, _id: str, props: Props) -> None:
        """Remove it and the console logs, so that the pool is empty."""
        with connect(props["uri"]) as hypervisor:
            for volume in (*props["logs"], RECORD):
                storage.delete_volume(hypervisor, props["pool"], volume)


class StackRecord(Resource, module="libvirt", name="StackRecord"):
    """Whose the pool is and when it ends."""

    def __init__(self, name: str, props: Props, opts: ResourceOptions | None = None) -> None:
        super().__init__(StackRecordProvider(), name, props, opts)


class StackPool(pulumi.ComponentResource):
    """One directory with everything of the stack.

    Attributes:
        name: Name of the pool, known when the record is in it.
    """

    name: Output[str]

    def __init__(
        self, plan: SandboxPlan, access: Access, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("sandbox:libvirt:StackPool", plan.pool.name, None, opts)
        pool = libvirt.Pool(
            plan.pool.name,
            name=plan.pool.name,
            type="dir",
            target=libvirt.PoolTargetArgs(path=plan.pool.path),
            xml=libvirt.PoolXmlArgs(xslt=libvirt_xml.pool_xslt(plan.pool)),
            opts=ResourceOptions(parent=self, delete_before_replace=True),
        )
        record = StackRecord(
            f"{plan.pool.name}-record",
            {
                **access.props(),
                "pool": pool.name,
                "content": record_text(plan),
                "logs": [machine.console_log for machine in plan.machines],
            },
            ResourceOptions(parent=self, depends_on=[pool]),
        )
        self.name = Output.all(pool.name, record.id).apply(lambda known: str(known[0]))
        self.register_outputs({"name": self.name})


def record_text(plan: SandboxPlan) -> str:
    """The record as JSON: what every object of the stack is marked with."""
    identity = plan.identity
    return json.dumps(
        {
            "project": identity.project,
            "stack": identity.stack,
            "owner": identity.owner,
            "purpose": identity.purpose,
            "data_class": str(identity.data_class),
            "created_at": identity.created_at.isoformat(),
            "expires_at": identity.expires_at.isoformat(),
            "tags": dict(identity.tags),
        },
        indent=1,
    )


@dataclass(frozen=True, kw_only=True)
class DiskArgs:
    """What a disk needs.

    Attributes:
        disk: Its plan.
        pool: Name of the stack's pool.
        base: Path of the golden image it is an overlay of; ``None`` for a data disk.
        generation: Changes when an overlay must begin anew.
        description: What its key is marked with.
    """

    disk: DiskPlan
    pool: Input[str]
    base: Input[str] | None
    generation: str
    description: str


class EncryptedDisk(pulumi.ComponentResource):
    """A disk that only its key opens.

    Attributes:
        volume_id: What a domain refers to.
    """

    volume_id: Output[str]

    def __init__(
        self, name: str, args: DiskArgs, access: Access, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("sandbox:libvirt:EncryptedDisk", name, None, opts)
        key = DiskKey(
            f"{name}-key",
            {
                **access.props(),
                "key_id": str(args.disk.key_id),
                "description": args.description,
            },
            ResourceOptions(parent=self),
        )
        overlay = args.base is not None
        volume = libvirt.Volume(
            name,
            name=args.disk.volume,
            pool=args.pool,
            format="qcow2" if overlay else "raw",
            base_volume_id=args.base,
            size=args.disk.size_mib << 20,
            xml=libvirt.VolumeXmlArgs(xslt=libvirt_xml.volume_xslt(args.disk, args.generation)),
            opts=ResourceOptions(
                parent=self, depends_on=[key], delete_before_replace=True, protect=False
            ),
        )
        self.volume_id = volume.id
        self.register_outputs({"volume_id": self.volume_id})
