"""The Pulumi program: reads the stack file, wires the layers, exports the outputs."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime

import pulumi

from sandbox_infra.components.libvirt.access import Access
from sandbox_infra.components.libvirt.stack import Stack
from sandbox_infra.config.parse import parse
from sandbox_infra.errors import ImageError, SandboxError
from sandbox_infra.hypervisor.connection import connect
from sandbox_infra.hypervisor.hosts import Host, local_host
from sandbox_infra.hypervisor.inventory import host_facts
from sandbox_infra.image import store
from sandbox_infra.plan.build import build_plan
from sandbox_infra.plan.model import ImageRef, SandboxPlan, Surroundings
from sandbox_infra.site import Site
from sandbox_infra.types import Role


def deploy() -> None:
    """Bring up the stack that is selected; a mistake ends in a message, not in a traceback."""
    # The engine interrupts a program when a resource failed; that is no news to anybody.
    signal.signal(signal.SIGINT, lambda _signal, _frame: os._exit(1))
    try:
        _deploy()
    except SandboxError as exc:
        raise pulumi.RunError(str(exc)) from None


def _deploy() -> None:
    site = Site.locate()
    stack_name = pulumi.get_stack()
    stack_file = parse(
        pulumi.Config().require_object("sandbox"), source=f"stacks/Pulumi.{stack_name}.yaml"
    )
    host = local_host(site)
    images = _images(site)
    with connect(host.uri) as hypervisor:
        facts = host_facts(hypervisor, host, project=stack_file.project, site=site)
    around = Surroundings(
        now=datetime.now(UTC).replace(microsecond=0),
        stack=stack_name,
        operator_key=site.operator_public_text(),
        images=images,
        hosts={facts.name: facts},
    )
    plan = build_plan(stack_file, around)
    folders = {role: site.images / role for role in images}
    stack = Stack(plan, site, folders, Access.of(host, site))
    _export(plan, host, stack)


def _images(site: Site) -> dict[Role, ImageRef]:
    found: dict[Role, ImageRef] = {}
    for role in store.ROLES:
        try:
            found[role], _ = store.load(role, site.images)
        except ImageError as exc:
            pulumi.log.debug(str(exc))
    return found


def _export(plan: SandboxPlan, host: Host, stack: Stack) -> None:
    identity, vault = plan.identity, "https://vault.lab.internal:8200"
    outputs = {
        "project": identity.project,
        "owner": identity.owner,
        "data_class": str(identity.data_class),
        "created_at": identity.created_at.isoformat(),
        "expires_at": identity.expires_at.isoformat(),
        "acceleration": "kvm" if plan.sandbox.domain_type == "kvm" else "tcg",
        "host": plan.host,
        "uri": host.uri,
        "netns": host.netns or "",
        "sandbox_address": str(plan.sandbox.address),
        "appliance_address": str(plan.appliance.address),
        "sandbox_host_key": stack.sandbox.host_key,
        "appliance_host_key": stack.appliance.host_key,
        "users": [user.name for user in plan.users],
        "jupyter": f"sandbox open {identity.stack}",
        "mlflow": "https://mlflow.lab.internal",
        "vault": vault,
        "pool": plan.pool.name,
        "domains": [machine.name for machine in plan.machines],
    }
    for key, value in outputs.items():
        pulumi.export(key, value)
