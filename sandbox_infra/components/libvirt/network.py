"""The lab network: a bridge with no way out, and a filter on every interface."""

from __future__ import annotations

import pulumi
import pulumi_libvirt as libvirt
from pulumi import Output, ResourceOptions
from pulumi.dynamic import CreateResult, Resource, UpdateResult

from sandbox_infra.backends import libvirt_xml
from sandbox_infra.components.libvirt.access import Access
from sandbox_infra.components.libvirt.dynamic import Props, Provider
from sandbox_infra.hypervisor import filters
from sandbox_infra.hypervisor.connection import connect
from sandbox_infra.plan.model import MachinePlan, NetworkPlan


class InterfaceFilterProvider(Provider):
    """A network filter of the hypervisor."""

    replacing = ("name", "uuid")
    updating = ("xml",)

    def create(self, props: Props) -> CreateResult:
        """Define it."""
        with connect(props["uri"]) as hypervisor:
            filters.define_filter(hypervisor, props["xml"])
        return CreateResult(id_=props["name"], outs=props)

    def update(self, _id: str, _olds: Props, news: Props) -> UpdateResult:
        """Define it anew; running guests get the new rules at once."""
        with connect(news["uri"]) as hypervisor:
            filters.define_filter(hypervisor, news["xml"])
        return UpdateResult(outs=news)

    def delete(self, id_: str, props: Props) -> None:
        """Remove it."""
        with connect(props["uri"]) as hypervisor:
            filters.delete_filter(hypervisor, id_)


class InterfaceFilter(Resource, module="libvirt", name="InterfaceFilter"):
    """What a guest may send and receive, enforced outside the guest."""

    def __init__(
        self,
        machine: MachinePlan,
        network: NetworkPlan,
        access: Access,
        opts: ResourceOptions | None = None,
    ) -> None:
        props: Props = {
            **access.props(),
            "name": machine.filter_name,
            "uuid": str(machine.filter_uuid),
            "xml": libvirt_xml.filter_xml(machine, network),
        }
        super().__init__(InterfaceFilterProvider(), f"{machine.filter_name}-filter", props, opts)


class LabNetwork(pulumi.ComponentResource):
    """The private network of one project.

    Attributes:
        id: libvirt's id of the network.
    """

    id: Output[str]

    def __init__(self, plan: NetworkPlan, opts: ResourceOptions | None = None) -> None:
        super().__init__("sandbox:libvirt:LabNetwork", plan.name, None, opts)
        network = libvirt.Network(
            plan.name,
            name=plan.name,
            mode="none",
            bridge=plan.bridge,
            addresses=[str(plan.cidr)],
            dhcp=libvirt.NetworkDhcpArgs(enabled=False),
            dns=libvirt.NetworkDnsArgs(enabled=False),
            autostart=True,
            xml=libvirt.NetworkXmlArgs(xslt=libvirt_xml.network_xslt(plan)),
            opts=ResourceOptions(parent=self, delete_before_replace=True),
        )
        self.id = network.id
        self.register_outputs({"id": self.id})
