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

    name: Name = Field(
        examples=["data"], description="Name of the volume; also its label inside the guest."
    )
    size: SizeMiB = Field(examples=["10GiB"], description="Size, such as 10GiB.")
    mount: str = Field(
        pattern=r"^/[a-z0-9/_-]+$",
        examples=["/data"],
        description="Where it is mounted inside the guest.",
    )


class EgressRule(Section):
    """One destination that the sandbox may reach through the appliance's proxy."""

    domain: str = Field(examples=["example.org"], description="Domain name; no wildcard.")
    port: int = Field(default=443, ge=1, le=65535, examples=[443], description="TCP port.")
    purpose: str = Field(
        min_length=3, examples=["data deliveries"], description="Why the project needs it."
    )


class Network(Section):
    """The lab network: private to the project, with no route out."""

    cidr: Cidr = Field(
        examples=["10.77.0.0/24"],
        description="A private IPv4 network, /16 to /28, used by nobody else.",
    )
    egress: tuple[EgressRule, ...] = Field(
        default=(),
        examples=["[]"],
        description="Destinations allowed out; none by default. Not yet available.",
    )


class User(Section):
    """A named person with an account of their own in the sandbox."""

    name: UserName = Field(examples=["ada"], description="Account name.")
    ssh_keys: tuple[SshKey, ...] = Field(
        default=(),
        examples=["[operator]"],
        description="SSH public keys; the word operator stands for the site's operator key.",
    )
    principals: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9._@-]{1,64}$")], ...] = Field(
        default=(),
        examples=["[ada]"],
        description="Principals of SSH certificates signed by the appliance's CA.",
    )


class Appliance(Section):
    """The project's own VM with OpenBao, MLflow, the audit collector and metrics."""

    cpu: int = Field(default=2, ge=1, le=64, examples=[2], description="Virtual CPUs.")
    memory: SizeMiB = Field(
        default=2048, ge=1536, examples=["2GiB"], description="Memory, at least 1536MiB."
    )
    data: SizeMiB = Field(
        default=4096,
        ge=1024,
        examples=["4GiB"],
        description="Encrypted volume for secrets, runs and artifacts.",
    )
    shared_with: tuple[Name, ...] = Field(
        default=(),
        examples=["[]"],
        description="Other projects using this appliance. Not yet available.",
    )
    recovery_recipients: tuple[SshKey, ...] = Field(
        default=("operator",),
        min_length=1,
        max_length=5,
        examples=["[operator]"],
        description="SSH public keys to which OpenBao's recovery keys are encrypted, in turn.",
    )


class StackFile(Section):
    """One project's sandbox."""

    project: Name = Field(
        examples=["demo"], description="The unit of isolation; unique on its hosts."
    )
    owner: str = Field(
        pattern=r"^[^@\s]+@[^@\s]+$",
        examples=["ada@example.org"],
        description="E-mail address of who answers for the project.",
    )
    purpose: str = Field(
        min_length=3,
        max_length=200,
        examples=["survival models for study 7"],
        description="What the sandbox is for.",
    )
    data_class: DataClass = Field(
        examples=["pii"], description="Most sensitive data that will be in it."
    )
    backend: Literal["libvirt", "fake"] = Field(
        default="libvirt", examples=["libvirt"], description="Where it runs; aws follows."
    )
    hosts: tuple[Name, ...] = Field(
        default=("local",),
        min_length=1,
        examples=["[local]"],
        description="Hypervisors of the inventory, in order.",
    )
    acceleration: Acceleration = Field(
        default=Acceleration.AUTO,
        examples=["auto"],
        description="kvm, tcg, or auto: kvm where it really works.",
    )
    cpu: int = Field(
        default=2, ge=1, le=256, examples=[2], description="Virtual CPUs of the sandbox."
    )
    memory: SizeMiB = Field(
        default=2048, ge=1024, examples=["4GiB"], description="Memory of the sandbox."
    )
    data_volumes: tuple[DataVolume, ...] = Field(
        default=(DataVolume(name="home", size=2048, mount="/home"),),
        max_length=8,
        examples=["[{name: home, size: 2GiB, mount: /home}]"],
        description="Encrypted data volumes of the sandbox.",
    )
    gpus: int = Field(
        default=0, ge=0, examples=[0], description="GPUs to pass through. Not yet available."
    )
    network: Network = Field(examples=["{cidr: 10.77.0.0/24}"], description="The lab network.")
    users: Annotated[tuple[User, ...], Field(min_length=1)] = Field(
        examples=["[{name: ada, ssh_keys: [operator]}]"], description="Who works in the sandbox."
    )
    appliance: Appliance = Field(
        default=Appliance(), examples=["{memory: 2GiB}"], description="The appliance VM."
    )
    ttl: Duration = Field(
        examples=["8h"], description="Time to live from creation, such as 8h or 7d."
    )
    ready_timeout: Duration = Field(
        default="20m",
        validate_default=True,
        examples=["20m"],
        description="How long a guest may take to become ready before the run fails.",
    )
    tags: dict[str, str] = Field(
        default_factory=dict,
        examples=["{cost_centre: R7}"],
        description="Free labels, such as a cost centre.",
    )
