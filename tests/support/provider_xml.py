"""What pulumi-libvirt writes before our stylesheets, as captured from release 0.5.4."""

from __future__ import annotations

from lxml import etree

from sandbox_infra.backends import libvirt_xml
from sandbox_infra.plan.model import DiskPlan, MachinePlan, SandboxPlan


def transformed(xslt: str, xml: str) -> str:
    """What libvirt is told: the provider's XML after our stylesheet."""
    result = etree.XSLT(etree.fromstring(xslt))(etree.fromstring(xml))
    return str(etree.tostring(result, encoding="unicode"))


def pool(plan: SandboxPlan, xslt: str = "") -> str:
    """The stack's pool."""
    return transformed(
        xslt or libvirt_xml.pool_xslt(plan.pool),
        f"<pool type='dir'><name>{plan.pool.name}</name>"
        f"<target><path>{plan.pool.path}</path></target></pool>",
    )


def network(plan: SandboxPlan, xslt: str = "") -> str:
    """The lab network."""
    lab = plan.network
    return transformed(
        xslt or libvirt_xml.network_xslt(lab),
        f"<network><name>{lab.name}</name><bridge name='{lab.bridge}' stp='on'></bridge>"
        f"<ip address='{lab.host_address}' family='ipv4' prefix='{lab.cidr.prefixlen}'></ip>"
        "<options xmlns='http://libvirt.org/schemas/network/dnsmasq/1.0'></options></network>",
    )


def volume(disk: DiskPlan, base: str = "", xslt: str = "") -> str:
    """A disk; the root disk is an overlay of ``base``."""
    backing = f"<backingStore><path>{base}</path><format type='qcow2'></format></backingStore>"
    return transformed(
        xslt or libvirt_xml.volume_xslt(disk, "generation"),
        f"<volume><name>{disk.volume}</name>"
        f"<capacity unit='bytes'>{disk.size_mib << 20}</capacity>"
        f"<target><format type='{_format(disk)}'></format>"
        "<permissions><mode>644</mode></permissions></target>"
        f"{backing if base else ''}</volume>",
    )


def domain(
    machine: MachinePlan,
    plan: SandboxPlan,
    xslt: str = "",
    *,
    kernel: str = "/kernel",
    initrd: str = "/initrd",
) -> str:
    """A machine."""
    disks = "".join(
        f"<disk type='volume' device='disk'><driver name='qemu' type='{_format(disk)}'></driver>"
        f"<source pool='{plan.pool.name}' volume='{disk.volume}'></source>"
        f"<target dev='vd{chr(ord('a') + position)}' bus='virtio'></target></disk>"
        for position, disk in enumerate(machine.disks)
    )
    return transformed(
        xslt or libvirt_xml.domain_xslt(machine, plan),
        f"<domain type='{machine.domain_type}'><name>{machine.name}</name>"
        f"<memory unit='MiB'>{machine.memory_mib}</memory><vcpu>{machine.vcpus}</vcpu>"
        f"<os><type machine='pc-q35-7.2'>hvm</type><kernel>{kernel}</kernel>"
        f"<initrd>{initrd}</initrd><cmdline>{command_line()}</cmdline></os>"
        "<features><pae></pae><acpi></acpi><apic></apic></features>"
        f"<cpu mode='{libvirt_xml.cpu_mode(machine)}'></cpu><devices>{disks}"
        "<disk type='file' device='cdrom'><driver name='qemu' type='raw'></driver>"
        f"<source file='{plan.pool.path}/{machine.seed_volume}'></source>"
        "<target dev='hdd' bus='ide'></target><serial>cloudinit</serial></disk>"
        f"<interface type='network'><mac address='{machine.mac.upper()}'></mac>"
        f"<source network='{plan.network.name}'></source><model type='virtio'></model></interface>"
        "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'></target>"
        "</channel><graphics type='spice' autoport='yes'></graphics>"
        "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"
        "</devices></domain>",
    )


def command_line() -> str:
    """The kernel's command line: bare flags lose the name that the provider has for them."""
    words: list[str] = []
    for group in libvirt_xml.KERNEL_COMMAND_LINE:
        words += [value if key == "_" else f"{key}={value}" for key, value in group.items()]
    return " ".join(words)


def _format(disk: DiskPlan) -> str:
    return "qcow2" if disk.mount is None else "raw"
