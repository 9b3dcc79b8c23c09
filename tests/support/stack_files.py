"""Stack files and surroundings that are right; a test changes the one thing it is about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sandbox_infra.config.models import StackFile
from sandbox_infra.plan.model import HostFacts, ImageRef, Surroundings
from sandbox_infra.types import Role

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
OPERATOR_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKexampleoperatorkey000000000000 operator"
HOST = HostFacts(
    name="local", cpus=8, memory_mib=32768, kvm_works=False, pool_root="/var/lib/libvirt/images"
)


def raw_stack_file(**changes: Any) -> dict[str, Any]:
    """The structure of a stack file, as YAML gives it."""
    raw: dict[str, Any] = {
        "project": "demo",
        "owner": "ada@example.org",
        "purpose": "tests",
        "data_class": "public",
        "network": {"cidr": "10.77.0.0/24"},
        "users": [{"name": "ada", "ssh_keys": ["operator"]}],
        "ttl": "8h",
    }
    return raw | changes


def stack_file(**changes: Any) -> StackFile:
    """A valid stack file with some keys changed."""
    return StackFile.model_validate(raw_stack_file(**changes))


def image(role: Role) -> ImageRef:
    """A golden image that nobody has to build."""
    return ImageRef(
        name=role,
        root_sha256="a" * 64,
        kernel_sha256="b" * 64,
        initrd_sha256="c" * 64,
        root_bytes=8 << 30,
    )


def surroundings(host: HostFacts = HOST, **changes: Any) -> Surroundings:
    """A host with room, both images, a fixed clock."""
    around = Surroundings(
        now=NOW,
        stack="demo",
        operator_key=OPERATOR_KEY,
        images={"sandbox": image("sandbox"), "appliance": image("appliance")},
        hosts={host.name: host},
    )
    return replace(around, **changes)
