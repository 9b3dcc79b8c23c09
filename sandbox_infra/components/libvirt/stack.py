"""A whole stack on libvirt: network, appliance, sandbox, in the order of trust."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pulumi
import pulumi_libvirt as libvirt
from pulumi import Output, ResourceOptions

from sandbox_infra.cloudinit import render
from sandbox_infra.cloudinit.model import PLACEHOLDER, Enrolment
from sandbox_infra.cloudinit.validate import validate
from sandbox_infra.components.libvirt.access import Access
from sandbox_infra.components.libvirt.appliance import ApplianceServices
from sandbox_infra.components.libvirt.machine import Machine, MachineArgs, generation
from sandbox_infra.components.libvirt.network import LabNetwork
from sandbox_infra.components.libvirt.storage import GoldenImage, StackPool
from sandbox_infra.plan.model import MachinePlan, SandboxPlan
from sandbox_infra.site import Site
from sandbox_infra.types import Role


class Stack(pulumi.ComponentResource):
    """One project's sandbox.

    The sandbox's user-data contains a token of its appliance, so it starts when the appliance
    is set up; nothing of it is known before.

    Attributes:
        appliance: The appliance, ready.
        sandbox: The sandbox, ready.
    """

    def __init__(
        self,
        plan: SandboxPlan,
        site: Site,
        images: Mapping[Role, Path],
        access: Access,
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("sandbox:libvirt:Stack", plan.identity.project, None, opts)
        self._plan, self._site, self._images, self._access = plan, site, images, access
        hypervisor = libvirt.Provider(
            "hypervisor", uri=access.uri, opts=ResourceOptions(parent=self)
        )
        self._child = ResourceOptions(parent=self, providers={"libvirt": hypervisor})
        self._pool = StackPool(plan, access, self._child)
        self._network = LabNetwork(plan.network, self._child)
        self.appliance = self._appliance()
        self.sandbox = self._sandbox()
        self.register_outputs({"host_key": self.sandbox.host_key})

    def _appliance(self) -> Machine:
        user_data = render.appliance_user_data(self._plan)
        validate(user_data, self._site.cloudinit_schema)
        return Machine(self._args(self._plan.appliance, user_data), self._access, self._child)

    def _sandbox(self) -> Machine:
        plan = self._plan
        validate(render.sandbox_user_data(plan, PLACEHOLDER), self._site.cloudinit_schema)
        services = ApplianceServices(
            plan,
            self.appliance,
            self._site.handover(plan.identity.stack),
            self._access,
            self._child,
        )
        bare = self._args(plan.sandbox, "")
        token = services.enrolment(generation(bare))
        user_data = Output.all(
            role_id=token.role_id,
            wrapped_token=token.wrapped_token,
            accessor=token.accessor,
            ca_pem=services.ca_pem,
            ssh_ca_public=services.ssh_ca_public,
        ).apply(lambda known: render.sandbox_user_data(plan, Enrolment(**known)))
        return Machine(self._args(plan.sandbox, user_data, bare.image), self._access, self._child)

    def _args(
        self,
        machine: MachinePlan,
        user_data: pulumi.Input[str],
        image: GoldenImage | None = None,
    ) -> MachineArgs:
        return MachineArgs(
            plan=self._plan,
            machine=machine,
            pool=self._pool.name,
            network_id=self._network.id,
            image=image or self._image(machine),
            user_data=user_data,
            meta_data=render.meta_data(machine, self._plan),
            network_config=render.network_config(machine, self._plan),
            template_digest=render.template_digest(machine.role, self._plan),
        )

    def _image(self, machine: MachinePlan) -> GoldenImage:
        folder = self._images[machine.role]
        return GoldenImage(machine.image, folder, self._access, self._child)
