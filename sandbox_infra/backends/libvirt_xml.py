"""libvirt XML that pulumi-libvirt has no arguments for: XSLT over what it writes, and filters.

The provider applies a stylesheet to its own XML before libvirt sees it. All functions are pure:
the same plan gives the same text, or every update would replace the guest.
"""

from __future__ import annotations

from typing import Final
from xml.sax.saxutils import escape

from sandbox_infra.plan.model import DiskPlan, MachinePlan, NetworkPlan, PoolPlan, SandboxPlan

METADATA_NAMESPACE: Final = "urn:sandbox-infra:stack:1"

KERNEL_COMMAND_LINE: Final[tuple[dict[str, str], ...]] = (
    {
        "console": "ttyS0",
        "lockdown": "integrity",
        "page_alloc.shuffle": "1",
        "root": "/dev/vda",
        "systemd.show_status": "0",
        "vsyscall": "none",
    },
    {"_": "quiet rw slab_nomerge"},
)
"""As the provider reads it back, options first and then flags: else every update would differ."""

_CIPHER: Final = "<cipher name='aes' size='256' mode='xts' hash='sha512'/>"
_STYLESHEET: Final = """\
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
<xsl:output omit-xml-declaration="yes" indent="yes"/>
<xsl:template match="node()|@*"><xsl:copy><xsl:apply-templates select="node()|@*"/></xsl:copy>
</xsl:template>
{templates}
</xsl:stylesheet>
"""


def _stylesheet(*templates: str) -> str:
    return _STYLESHEET.format(templates="\n".join(templates))


def _append(match: str, content: str) -> str:
    """A template that keeps an element and adds something at its end."""
    return (
        f'<xsl:template match="{match}"><xsl:copy>'
        f'<xsl:apply-templates select="node()|@*"/>{content}</xsl:copy></xsl:template>'
    )


def _drop(match: str) -> str:
    return f'<xsl:template match="{match}"/>'


def cpu_mode(machine: MachinePlan) -> str:
    """The host's own CPU under KVM; under TCG everything that it can emulate."""
    return "host-passthrough" if machine.domain_type == "kvm" else "maximum"


def pool_xslt(pool: PoolPlan) -> str:
    """A pool with our UUID, whose directory only root may list."""
    return _stylesheet(
        _append("/pool", f"<uuid>{pool.uuid}</uuid>"),
        _drop("/pool/target/permissions"),
        _append("/pool/target", "<permissions><mode>0711</mode></permissions>"),
    )


def network_xslt(network: NetworkPlan) -> str:
    """A network with our UUID, whose bridge forwards from the first frame on.

    With the spanning tree that the provider switches on, a guest's port is deaf for four seconds.
    """
    return _stylesheet(
        _drop("/network/uuid"),
        _append("/network", f"<uuid>{network.uuid}</uuid>"),
        '<xsl:template match="/network/bridge/@stp">'
        '<xsl:attribute name="stp">off</xsl:attribute></xsl:template>',
    )


def volume_xslt(disk: DiskPlan, generation: str) -> str:
    """A volume encrypted with its own key, for its owner only.

    Args:
        disk: The disk.
        generation: Written as a comment: another one makes another volume.
    """
    encryption = (
        f"<encryption format='luks'><secret type='passphrase' uuid='{disk.key_id}'/>"
        f"{_CIPHER}</encryption>"
    )
    return _stylesheet(
        f"<!-- generation {generation} -->",
        _drop("/volume/target/permissions"),
        _append("/volume/target", f"<permissions><mode>0600</mode></permissions>{encryption}"),
    )


def domain_xslt(machine: MachinePlan, plan: SandboxPlan) -> str:
    """A domain with our UUID and metadata, encrypted disks, a filter, and nothing it needs not."""
    return _stylesheet(
        _drop("/domain/uuid"),
        _append("/domain", f"<uuid>{machine.uuid}</uuid>{_metadata(plan)}"),
        *(_drop(f"/domain/devices/{what}") for what in _UNWANTED),
        *(_disk(position, disk) for position, disk in enumerate(machine.disks, start=1)),
        _SEED,
        _append("/domain/devices/interface", _filter_reference(machine)),
        _append("/domain/devices", _devices(machine, plan)),
    )


_UNWANTED: Final = (
    "graphics", "video", "input", "channel", "console", "serial", "memballoon", "controller",
)  # fmt: skip

# The provider puts the seed on a bus that q35 lacks. It stays a CD-ROM with its serial, for the
# provider leaves such a disk out when it compares.
_SEED: Final = (
    "<xsl:template match=\"/domain/devices/disk[@device='cdrom']/target\">"
    "<target dev='sda' bus='scsi'/></xsl:template>"
)


def _disk(position: int, disk: DiskPlan) -> str:
    encryption = (
        f"<encryption format='luks'><secret type='passphrase' uuid='{disk.key_id}'/></encryption>"
    )
    return (
        f"<xsl:template match=\"/domain/devices/disk[@device='disk'][{position}]\"><xsl:copy>"
        '<xsl:apply-templates select="node()[not(self::serial)]|@*"/>'
        f"<serial>{disk.serial}</serial>{encryption}</xsl:copy></xsl:template>"
    )


def _filter_reference(machine: MachinePlan) -> str:
    return (
        f"<filterref filter='{machine.filter_name}'>"
        f"<parameter name='IP' value='{machine.address}'/></filterref>"
    )


def _devices(machine: MachinePlan, plan: SandboxPlan) -> str:
    log = f"{plan.pool.path}/{machine.console_log}"
    return (
        f"<serial type='file'><source path='{log}' append='off'/>"
        "<target type='isa-serial' port='0'/></serial>"
        "<controller type='scsi' index='0' model='virtio-scsi'/>"
        "<controller type='usb' model='none'/>"
        "<watchdog model='i6300esb' action='reset'/>"
        "<memballoon model='none'/>"
    )


def _metadata(plan: SandboxPlan) -> str:
    identity = plan.identity
    marks = {
        "project": identity.project,
        "stack": identity.stack,
        "owner": identity.owner,
        "class": str(identity.data_class),
    }
    words = " ".join(
        f"{key}='{escape(value, {chr(39): '&apos;', '{': '{{', '}': '}}'})}'"
        for key, value in marks.items()
    )
    return f"<metadata><sbx:sandbox xmlns:sbx='{METADATA_NAMESPACE}' {words}/></metadata>"


def filter_xml(machine: MachinePlan, network: NetworkPlan) -> str:
    """What a guest may send and receive.

    Its own MAC and IP address only; SSH from the host, answered but never begun; the machines of
    the same lab; no IPv6, no DHCP, no broadcast, no frames of another kind, nothing else.

    Rules and chains come in the order of their priorities, frames (ebtables) before packets
    (iptables, with connection tracking). The accepting rules for IPv4 and ARP stand behind the
    chains that stop spoofing (-800 to -510) and let everything else fall to the last chain.
    """
    host, own = network.host_address, machine.address
    lab, prefix = network.cidr.network_address, network.cidr.prefixlen
    # A directed broadcast is within the lab network, but the host would take it in.
    closed = (host, lab, network.cidr.broadcast_address)
    return (
        f"<filter name='{machine.filter_name}' chain='root'><uuid>{machine.filter_uuid}</uuid>"
        "<rule action='drop' direction='inout' priority='-900'><mac protocolid='ipv6'/></rule>"
        "<filterref filter='no-mac-spoofing'/>"
        "<filterref filter='no-ip-spoofing'/>"
        "<rule action='accept' direction='inout' priority='-650'><mac protocolid='ipv4'/></rule>"
        "<filterref filter='no-arp-mac-spoofing'/>"
        "<filterref filter='no-arp-ip-spoofing'/>"
        "<rule action='accept' direction='inout' priority='-500'><mac protocolid='arp'/></rule>"
        "<filterref filter='no-other-l2-traffic'/>"
        # The host may begin SSH with the guest; replies come back by connection tracking.
        f"<rule action='accept' direction='in' priority='100'>"
        f"<tcp srcipaddr='{host}' dstipaddr='{own}' dstportstart='22' dstportend='22'/></rule>"
        + "".join(
            f"<rule action='drop' direction='out' priority='200'><all dstipaddr='{one}'/></rule>"
            for one in closed
        )
        + f"<rule action='drop' direction='in' priority='200'><all srcipaddr='{host}'/></rule>"
        f"<rule action='accept' direction='out' priority='300'>"
        f"<all srcipaddr='{own}' dstipaddr='{lab}' dstipmask='{prefix}'/></rule>"
        f"<rule action='accept' direction='in' priority='300'>"
        f"<all srcipaddr='{lab}' srcipmask='{prefix}' dstipaddr='{own}'/></rule>"
        "<rule action='drop' direction='inout' priority='1000'><all/></rule>"
        "</filter>"
    )
