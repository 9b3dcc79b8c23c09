"""Renders user-data: one template a concern, merged in a fixed order.

Each fragment in cloud-init/ is a mapping of its own. Lists are joined, and a key or a file that
two fragments claim is an error, so that no concern silently overrules another.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError

from sandbox_infra.cloudinit.model import PLACEHOLDER, Enrolment
from sandbox_infra.errors import ToolError
from sandbox_infra.plan.model import MachinePlan, SandboxPlan
from sandbox_infra.types import Role

VAULT_ADDR: Final = "https://vault.lab.internal:8200"
_TEMPLATES: Final = Path(__file__).resolve().parents[2] / "cloud-init"

Document = dict[str, Any]


def appliance_user_data(plan: SandboxPlan) -> str:
    """User-data of the appliance; it contains no secret."""
    return _user_data("appliance", _variables(plan, plan.appliance))


def sandbox_user_data(plan: SandboxPlan, enrolment: Enrolment) -> str:
    """User-data of the sandbox; its only secret is the wrapped token."""
    variables = _variables(plan, plan.sandbox) | {
        "vault_addr": VAULT_ADDR,
        "role_id": enrolment.role_id,
        "wrapped_token": enrolment.wrapped_token,
        "accessor": enrolment.accessor,
        "ca_pem": enrolment.ca_pem,
        "ssh_ca_public": enrolment.ssh_ca_public,
    }
    return _user_data("sandbox", variables)


def template_digest(role: Role, plan: SandboxPlan) -> str:
    """SHA-256 of what a machine is told; another one means another machine."""
    text = (
        appliance_user_data(plan) if role == "appliance" else sandbox_user_data(plan, PLACEHOLDER)
    )
    return hashlib.sha256(text.encode()).hexdigest()


def meta_data(machine: MachinePlan, plan: SandboxPlan) -> str:
    """Meta-data; the instance id is that of the template, so every new machine is a first boot."""
    digest = template_digest(machine.role, plan)[:16]
    return yaml.safe_dump(
        {"instance-id": f"{machine.name}-{digest}", "local-hostname": machine.hostname}
    )


def network_config(machine: MachinePlan, plan: SandboxPlan) -> str:
    """Network configuration, version 2: one static address, no gateway, no name server."""
    interface = {
        "match": {"macaddress": machine.mac.lower()},
        "addresses": [f"{machine.address}/{plan.network.cidr.prefixlen}"],
        "dhcp4": False,
        "dhcp6": False,
    }
    return yaml.safe_dump({"version": 2, "ethernets": {"lab": interface}})


def _variables(plan: SandboxPlan, machine: MachinePlan) -> Document:
    sandbox = machine.role == "sandbox"
    return {
        "role": machine.role,
        "hostname": machine.hostname,
        "memory_mib": machine.memory_mib,
        "operator_key": plan.operator_key,
        "people": plan.users if sandbox else (),
        "disks": machine.data_disks,
        "host_address": plan.network.host_address,
        "appliance_address": plan.appliance.address,
        "sandbox_address": plan.sandbox.address,
        "inbound": (
            [{"address": plan.appliance.address, "ports": [9100]}]
            if sandbox
            else [{"address": plan.sandbox.address, "ports": [443, 6514, 8200]}]
        ),
        "outbound": (
            [{"address": plan.appliance.address, "ports": [443, 6514, 8200]}]
            if sandbox
            else [{"address": plan.sandbox.address, "ports": [9100]}]
        ),
        "identity": _identity(plan, machine),
    }


def _identity(plan: SandboxPlan, machine: MachinePlan) -> Document:
    """Which certificates the machine asks OpenBao for."""
    people = plan.users if machine.role == "sandbox" else ()
    return {
        "role": machine.role,
        "address": str(machine.address),
        "people": [user.name for user in people],
    }


def _user_data(role: Role, variables: Document) -> str:
    merged: Document = {}
    for folder in ("common", role):
        for path in sorted((_TEMPLATES / folder).glob("*.yaml.j2")):
            _merge(merged, _fragment(path, variables), path.name)
    return "#cloud-config\n" + yaml.dump(merged, Dumper=_Dumper, width=1000, sort_keys=True)


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as people would."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - YAML, not HTML; values are checked by the stack file
    )


def _fragment(path: Path, variables: Document) -> Document:
    try:
        text = _environment().get_template(f"{path.parent.name}/{path.name}").render(variables)
        document = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader, in C
    except (TemplateError, yaml.YAMLError) as exc:
        msg = f"the template {path.parent.name}/{path.name} cannot be rendered: {exc}"
        raise ToolError(msg) from exc
    if not isinstance(document, dict):
        msg = f"the template {path.parent.name}/{path.name} is no mapping"
        raise ToolError(msg)
    return document


_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _merge(merged: Document, fragment: Document, name: str) -> None:
    for key, value in fragment.items():
        if isinstance(value, list):
            merged.setdefault(key, []).extend(value)
        elif key in merged:
            msg = f"the template {name} sets {key!r}, which another fragment has set"
            raise ToolError(msg)
        else:
            merged[key] = value
    paths = [file["path"] for file in merged.get("write_files", ())]
    for path in paths:
        if paths.count(path) > 1:
            msg = f"the template {name} writes {path!r}, which another fragment writes"
            raise ToolError(msg)
