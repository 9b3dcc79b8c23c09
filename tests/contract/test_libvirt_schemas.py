"""libvirt's own schemas accept what it is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from sandbox_infra.backends import libvirt_xml
from sandbox_infra.plan.model import DiskPlan, MachinePlan
from tests.contract.test_backends import PLANS
from tests.support import provider_xml

SCHEMAS = Path("/usr/share/libvirt/schemas")
PLAN = PLANS["two volumes"]
DISKS = [disk for machine in PLAN.machines for disk in machine.disks]
pytestmark = pytest.mark.skipif(not SCHEMAS.exists(), reason="libvirt's schemas are not installed")


def assert_accepted(xml: str, schema: str) -> None:
    rules = etree.RelaxNG(etree.parse(str(SCHEMAS / f"{schema}.rng")))
    rules.assertValid(etree.fromstring(xml))


def test_pool() -> None:
    assert_accepted(provider_xml.pool(PLAN), "storagepool")


def test_network() -> None:
    assert_accepted(provider_xml.network(PLAN), "network")


@pytest.mark.parametrize("disk", DISKS, ids=lambda disk: disk.volume)
def test_volume(disk: DiskPlan) -> None:
    xml = provider_xml.volume(disk, "/base" if disk.mount is None else "")
    # The schema, unlike libvirt itself, wants an initialisation vector wherever a cipher is named.
    named = xml.replace("</encryption>", "<ivgen name='plain64'/></encryption>")
    assert_accepted(named, "storagevol")


@pytest.mark.parametrize("machine", PLAN.machines, ids=lambda machine: machine.role)
def test_domain(machine: MachinePlan) -> None:
    assert_accepted(provider_xml.domain(machine, PLAN), "domain")


@pytest.mark.parametrize("machine", PLAN.machines, ids=lambda machine: machine.role)
def test_filter(machine: MachinePlan) -> None:
    assert_accepted(libvirt_xml.filter_xml(machine, PLAN.network), "nwfilter")


def test_schema_refuses_what_is_wrong() -> None:
    with pytest.raises(etree.DocumentInvalid):
        assert_accepted(
            provider_xml.pool(PLAN).replace("<target>", "<goal/><target>"), "storagepool"
        )
