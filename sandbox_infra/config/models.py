"""The structure under ``sandbox-infra:sandbox`` in stacks/Pulumi.<stack>.yaml.

Sections are frozen and refuse unknown keys. The descriptions are the reference text: the JSON
Schema for editors and docs/reference/stack-file.md come from them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from sandbox_infra.types import (
    Acceleration,
    Cidr,
    DataClass,
    Duration,
    Name,
    SizeMiB,
    SshKey,
    UserName,
)


class Section(BaseModel):
    """A part of the stack file: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class DataVolume(Section):
    """An encrypted disk of the sandbox that outlives the VM, but not the stack."""

    name: Name = Field(description="Name of the volume; also its label inside the guest.")
    size: SizeMiB = Field(description="Size, such as 10GiB.")
    mount: str = Field(
        pattern=r"^/[a-z0-9/_-]+$", description="Where it is mounted inside the guest."
    )


class EgressRule(Section):
    """One destination that the sandbox may reach through the appliance's proxy."""

    domain: str = Field(description="Domain name; no wildcard.")
    port: int = Field(default=443, ge=1, le=65535, description="TCP port.")
    purpose: str = Field(min_length=3, description="Why the project needs it.")


class Network(Section):
    """The lab network: private to the project, with no route out."""

    cidr: Cidr = Field(description="A private IPv4 network, /16 to /28, used by nobody else.")
    egress: tuple[EgressRule, ...] = Field(
        default=(), description="Destinations allowed out; none by default. Not yet available."
    )


class User(Section):
    """A named person with an account of their own in the sandbox."""

    name: UserName = Field(description="Account name.")
    ssh_keys: tuple[SshKey, ...] = Field(
        default=(),
        description="SSH public keys; the word operator stands for the site's operator key.",
    )
    principals: tuple[str, ...] = Field(
        default=(), description="Principals of SSH certificates signed by the appliance's CA."
    )


class Appliance(Section):
    """The project's own VM with OpenBao, MLflow, the audit collector and metrics."""

    cpu: int = Field(default=2, ge=1, le=64, description="Virtual CPUs.")
    memory: SizeMiB = Field(default=2048, ge=1536, description="Memory, at least 1536MiB.")
    data: SizeMiB = Field(
        default=4096, ge=1024, description="Encrypted volume for secrets, runs and artifacts."
    )
    shared_with: tuple[Name, ...] = Field(
        default=(), description="Other projects using this appliance. Not yet available."
    )
    recovery_recipients: tuple[SshKey, ...] = Field(
        default=("operator",),
        min_length=1,
        max_length=5,
        description="SSH public keys to which OpenBao's recovery keys are encrypted, in turn.",
    )


class StackFile(Section):
    """One project's sandbox."""

    project: Name = Field(description="The unit of isolation; unique on its hosts.")
    owner: str = Field(
        pattern=r"^[^@\s]+@[^@\s]+$", description="E-mail address of who answers for the project."
    )
    purpose: str = Field(min_length=3, max_length=200, description="What the sandbox is for.")
    data_class: DataClass = Field(description="Most sensitive data that will be in it.")
    backend: Literal["libvirt", "fake"] = Field(
        default="libvirt", description="Where it runs; aws follows."
    )
    hosts: tuple[Name, ...] = Field(
        default=("local",), min_length=1, description="Hypervisors of the inventory, in order."
    )
    acceleration: Acceleration = Field(
        default=Acceleration.AUTO, description="kvm, tcg, or auto: kvm where it really works."
    )
    cpu: int = Field(default=2, ge=1, le=256, description="Virtual CPUs of the sandbox.")
    memory: SizeMiB = Field(default=2048, ge=1024, description="Memory of the sandbox.")
    data_volumes: tuple[DataVolume, ...] = Field(
        default=(DataVolume(name="home", size=2048, mount="/home"),),
        max_length=8,
        description="Encrypted data volumes of the sandbox.",
    )
    gpus: int = Field(default=0, ge=0, description="GPUs to pass through. Not yet available.")
    network: Network = Field(description="The lab network.")
    users: Annotated[tuple[User, ...], Field(min_length=1)] = Field(
        description="Who works in the sandbox."
    )
    appliance: Appliance = Field(default=Appliance(), description="The appliance VM.")
    ttl: Duration = Field(description="Time to live from creation, such as 8h or 7d.")
    ready_timeout: Duration = Field(
        default="20m",
        validate_default=True,
        description="How long a guest may take to become ready before the run fails.",
    )
    tags: dict[str, str] = Field(
        default_factory=dict, description="Free labels, such as a cost centre."
    )
