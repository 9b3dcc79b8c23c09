"""What the provider's XML becomes, and what a filter lets through."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from sandbox_infra.backends import libvirt_xml
from sandbox_infra.plan.build import build_plan
from sandbox_infra.plan.model import MachinePlan, SandboxPlan
from tests.support.stack_files import stack_file, surroundings

SCHEMA = Path("/usr/share/libvirt/schemas/nwfilter.rng")
SOMEBODY = "00000000-0000-4000-8000-000000000000"
PLAN = build_plan(stack_file(), surroundings())
MACHINES = pytest.mark.parametrize("machine", PLAN.machines, ids=lambda machine: machine.role)


def transformed(xslt: str, xml: str) -> etree._Element:
    """What libvirt sees."""
    result = etree.XSLT(etree.fromstring(xslt))(etree.fromstring(xml))
    return etree.fromstring(etree.tostring(result))


def provider_domain(machine: MachinePlan, *, seed_first: bool = False) -> str:
    """A domain as the provider writes it before our stylesheet."""
    disks = [
        f"<disk type='volume' device='disk'><driver name='qemu' type='raw'/>"
        f"<source pool='p' volume='{disk.volume}'/><target dev='vd{chr(97 + position)}' "
        f"bus='virtio'/><serial>provider{position}</serial></disk>"
        for position, disk in enumerate(machine.disks)
    ]
    seed = (
        "<disk type='file' device='cdrom'><source file='/seed.iso'/>"
        "<target dev='hdd' bus='ide'/><serial>cloudinit</serial></disk>"
    )
    disks.insert(0 if seed_first else len(disks), seed)
    return (
        f"<domain type='qemu'><name>{machine.name}</name><uuid>{SOMEBODY}</uuid>"
        f"<memory unit='MiB'>{machine.memory_mib}</memory><devices>{''.join(disks)}"
        f"<controller type='ide' index='0'/>"
        f"<interface type='network'><mac address='{machine.mac}'/><source network='n'/>"
        "<model type='virtio'/></interface>"
        "<serial type='pty'/><console type='pty'/><channel type='unix'/><input type='mouse'/>"
        "<graphics type='spice'/><video><model type='cirrus'/></video><memballoon model='virtio'/>"
        "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"
        "</devices></domain>"
    )


def domain(machine: MachinePlan, plan: SandboxPlan = PLAN) -> etree._Element:
    return transformed(libvirt_xml.domain_xslt(machine, plan), provider_domain(machine))


def words(tree: etree._Element, path: str) -> list[str]:
    """The strings that an XPath finds."""
    found = tree.xpath(path)
    assert isinstance(found, list)
    return [str(one) for one in found]


@MACHINES
def test_domain_has_our_uuid_only(machine: MachinePlan) -> None:
    assert words(domain(machine), "uuid/text()") == [str(machine.uuid)]


@MACHINES
@pytest.mark.parametrize("seed_first", [False, True])
def test_each_disk_has_its_own_key_and_serial(machine: MachinePlan, *, seed_first: bool) -> None:
    tree = transformed(
        libvirt_xml.domain_xslt(machine, PLAN), provider_domain(machine, seed_first=seed_first)
    )
    disks = tree.findall("devices/disk[@device='disk']")
    assert len(disks) == len(machine.disks) > 1
    for found, disk in zip(disks, machine.disks, strict=True):
        assert words(found, "source/@volume") == [disk.volume]
        assert words(found, "serial/text()") == [disk.serial]
        assert words(found, "encryption/@format") == ["luks"]
        assert words(found, "encryption/secret/@uuid") == [str(disk.key_id)]
    assert len({disk.key_id for disk in machine.disks}) == len(machine.disks)


@MACHINES
def test_seed_is_a_cdrom_on_scsi_that_keeps_its_serial(machine: MachinePlan) -> None:
    seed = domain(machine).find("devices/disk[@device='cdrom']")
    assert seed is not None
    assert words(seed, "target/@bus") == ["scsi"]
    assert words(seed, "target/@dev") == ["sda"]
    assert words(seed, "serial/text()") == ["cloudinit"]
    assert seed.find("encryption") is None


@MACHINES
def test_interface_is_filtered_to_its_address(machine: MachinePlan) -> None:
    tree = domain(machine)
    path = "devices/interface/filterref"
    assert words(tree, f"{path}/@filter") == [machine.filter_name]
    assert words(tree, f"{path}/parameter[@name='IP']/@value") == [str(machine.address)]
    assert words(tree, "devices/interface/mac/@address") == [machine.mac]


@MACHINES
@pytest.mark.parametrize("what", ["graphics", "video", "input", "channel", "console"])
def test_devices_it_needs_not_are_gone(machine: MachinePlan, what: str) -> None:
    assert domain(machine).find(f"devices/{what}") is None


@MACHINES
def test_devices_that_replace_the_providers(machine: MachinePlan) -> None:
    tree = domain(machine)
    assert words(tree, "devices/serial/@type") == ["file"]
    log = f"{PLAN.pool.path}/{machine.role}-console.log"
    assert words(tree, "devices/serial/source/@path") == [log]
    assert words(tree, "devices/controller/@type") == ["scsi", "usb"]
    assert words(tree, "devices/memballoon/@model") == ["none"]
    assert words(tree, "devices/watchdog/@action") == ["reset"]
    assert words(tree, "devices/rng/backend/text()") == ["/dev/urandom"]


def metadata(tree: etree._Element) -> dict[str, str]:
    marks = tree.find(f"metadata/{{{libvirt_xml.METADATA_NAMESPACE}}}sandbox")
    assert marks is not None
    assert len(marks) == 0
    return {str(key): str(value) for key, value in marks.attrib.items()}


def test_metadata_says_whose_it_is() -> None:
    assert metadata(domain(PLAN.sandbox)) == {
        "project": "demo",
        "stack": "demo",
        "owner": "ada@example.org",
        "class": "public",
    }


@pytest.mark.parametrize(
    "owner",
    ["o'neil", 'a"b', "<x/>", "a&b", "&apos;", "{/domain/uuid}", "{{", "}", "'/><devices/>"],
)
def test_hostile_owner_stays_a_word(owner: str) -> None:
    plan = replace(PLAN, identity=replace(PLAN.identity, owner=owner))
    tree = domain(plan.sandbox, plan)
    assert metadata(tree)["owner"] == owner
    assert len(tree.findall("devices")) == 1


@given(owner=st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E)))
def test_every_printable_owner_comes_back(owner: str) -> None:
    plan = replace(PLAN, identity=replace(PLAN.identity, owner=owner))
    assert metadata(domain(plan.sandbox, plan))["owner"] == owner


def volume(generation: str = "1") -> str:
    return libvirt_xml.volume_xslt(PLAN.sandbox.disks[0], generation)


def test_volume_is_encrypted_and_its_owners() -> None:
    tree = transformed(
        volume(),
        "<volume><name>v</name><capacity>1</capacity><target><format type='raw'/>"
        "<permissions><mode>0644</mode></permissions></target></volume>",
    )
    assert words(tree, "target/permissions/mode/text()") == ["0600"]
    assert words(tree, "target/format/@type") == ["raw"]
    assert words(tree, "target/encryption/@format") == ["luks"]
    key_id = str(PLAN.sandbox.disks[0].key_id)
    assert words(tree, "target/encryption/secret/@uuid") == [key_id]
    assert words(tree, "target/encryption/cipher/@*") == ["aes", "256", "xts", "sha512"]


def test_another_generation_is_another_text() -> None:
    assert "<!-- generation 7 -->" in volume("7")
    assert volume("7") == volume("7") != volume("8")


@pytest.mark.parametrize("before", ["", f"<uuid>{SOMEBODY}</uuid>"])
def test_network_has_our_uuid(before: str) -> None:
    xml = f"<network><name>n</name>{before}<bridge name='b' stp='on'/></network>"
    tree = transformed(libvirt_xml.network_xslt(PLAN.network), xml)
    assert words(tree, "uuid/text()") == [str(PLAN.network.uuid)]
    assert words(tree, "bridge/@name") == ["b"]
    assert words(tree, "bridge/@stp") == ["off"]


def test_pool_has_our_uuid_and_only_root_lists_it() -> None:
    xml = (
        "<pool type='dir'><name>p</name><target><path>/p</path>"
        "<permissions><mode>0777</mode></permissions></target></pool>"
    )
    tree = transformed(libvirt_xml.pool_xslt(PLAN.pool), xml)
    assert words(tree, "uuid/text()") == [str(PLAN.pool.uuid)]
    assert words(tree, "target/permissions/mode/text()") == ["0711"]
    assert words(tree, "target/path/text()") == ["/p"]


@MACHINES
def test_same_plan_same_text(machine: MachinePlan) -> None:
    again = build_plan(stack_file(), surroundings())
    twin = next(one for one in again.machines if one.role == machine.role)
    assert libvirt_xml.domain_xslt(machine, PLAN) == libvirt_xml.domain_xslt(twin, again)
    assert libvirt_xml.filter_xml(machine, PLAN.network) == libvirt_xml.filter_xml(
        twin, again.network
    )
    assert libvirt_xml.network_xslt(PLAN.network) == libvirt_xml.network_xslt(again.network)
    assert libvirt_xml.pool_xslt(PLAN.pool) == libvirt_xml.pool_xslt(again.pool)


def test_cpu_follows_the_domain_type() -> None:
    assert libvirt_xml.cpu_mode(replace(PLAN.sandbox, domain_type="kvm")) == "host-passthrough"
    assert libvirt_xml.cpu_mode(replace(PLAN.sandbox, domain_type="qemu")) == "maximum"


def test_kernel_options_come_first_and_then_flags() -> None:
    options, flags = libvirt_xml.KERNEL_COMMAND_LINE
    assert list(options) == sorted(options)
    assert "_" not in options
    assert list(flags) == ["_"]
    assert flags["_"].split() == sorted(flags["_"].split())
    assert "=" not in flags["_"]


def filter_tree(machine: MachinePlan) -> etree._Element:
    return etree.fromstring(libvirt_xml.filter_xml(machine, PLAN.network))


@MACHINES
def test_filter_bears_our_name_and_uuid(machine: MachinePlan) -> None:
    tree = filter_tree(machine)
    assert tree.get("name") == machine.filter_name
    assert words(tree, "uuid/text()") == [str(machine.filter_uuid)]
    assert words(tree, "filterref/@filter") == [
        "no-mac-spoofing",
        "no-ip-spoofing",
        "no-arp-mac-spoofing",
        "no-arp-ip-spoofing",
        "no-other-l2-traffic",
    ]


@MACHINES
def test_frames_are_accepted_behind_the_chains_against_spoofing(machine: MachinePlan) -> None:
    rules = [
        (int(rule.get("priority", "")), rule.get("action"), words(rule, "mac/@protocolid"))
        for rule in filter_tree(machine).findall("rule[mac]")
    ]
    # The chains stand at -800 (MAC), -710 (IPv4), -520 and -510 (ARP).
    assert rules == [
        (-900, "drop", ["ipv6"]),
        (-650, "accept", ["ipv4"]),
        (-500, "accept", ["arp"]),
    ]


@MACHINES
def test_host_may_begin_ssh_and_nothing_else(machine: MachinePlan) -> None:
    tree = filter_tree(machine)
    host, own = str(PLAN.network.host_address), str(machine.address)
    accepted = tree.findall("rule[@action='accept'][@priority='100']")
    assert [rule.get("direction") for rule in accepted] == ["in"]
    (ssh,) = tree.findall("rule/tcp")
    assert dict(ssh.attrib.items()) == {
        "srcipaddr": host,
        "dstipaddr": own,
        "dstportstart": "22",
        "dstportend": "22",
    }
    drops = "rule[@action='drop'][@priority='200']"
    broadcasts = [str(PLAN.network.cidr[0]), str(PLAN.network.cidr[-1])]
    assert words(tree, f"{drops}[@direction='out']/all/@dstipaddr") == [host, *broadcasts]
    assert words(tree, f"{drops}[@direction='in']/all/@srcipaddr") == [host]


@MACHINES
def test_lab_is_open_and_the_rest_is_dropped(machine: MachinePlan) -> None:
    tree = filter_tree(machine)
    own, lab = str(machine.address), "10.77.0.0"
    opened = "rule[@action='accept'][@priority='300']"
    assert words(tree, f"{opened}[@direction='out']/all/@*") == [own, lab, "24"]
    assert words(tree, f"{opened}[@direction='in']/all/@*") == [lab, "24", own]
    last = max(tree.findall("rule"), key=lambda rule: int(rule.get("priority", "0")))
    assert (last.get("action"), last.get("direction")) == ("drop", "inout")
    assert [len(part.attrib) for part in last] == [0]
    first = min(tree.findall("rule"), key=lambda rule: int(rule.get("priority", "0")))
    assert words(first, "@action") == ["drop"]
    assert words(first, "mac/@protocolid") == ["ipv6"]


@MACHINES
@pytest.mark.skipif(not SCHEMA.exists(), reason="libvirt's schemas are not installed")
def test_libvirts_schema_accepts_the_filter(machine: MachinePlan) -> None:
    schema = etree.RelaxNG(etree.parse(str(SCHEMA)))
    assert schema.validate(filter_tree(machine)), schema.error_log
