"""Disk keys and filters; the test driver has neither, a fake stands in."""

from __future__ import annotations

import re
from uuid import UUID

import libvirt
import pytest

from sandbox_infra.hypervisor import filters, keys
from tests.unit.hypervisor.fakes import FakeFilters, FakeSecret, FakeSecrets, hypervisor, text_of

KEY_ID = UUID("5e3c0d1a-0000-4000-8000-000000000002")
FILTER = "<filter name='sbx-demo-sandbox'/>"


def test_key_is_256_random_bits_in_hexadecimal() -> None:
    values = set()
    for _ in range(3):
        raw = FakeSecrets()
        keys.create_disk_key(hypervisor(raw), KEY_ID, "demo")
        value = raw.found[str(KEY_ID)].value
        assert value is not None
        assert re.fullmatch(rb"[0-9a-f]{64}", value)
        values.add(value)
    assert len(values) == 3


def test_key_is_private_kept_and_described() -> None:
    raw = FakeSecrets()
    keys.create_disk_key(hypervisor(raw), KEY_ID, "<demo> & 'root'")
    xml = raw.found[str(KEY_ID)].xml
    assert "ephemeral='no' private='yes'" in xml
    assert text_of(xml, "description") == "<demo> & 'root'"
    assert keys.exists(hypervisor(raw), KEY_ID)


def test_existing_key_is_never_overwritten() -> None:
    raw = FakeSecrets()
    keys.create_disk_key(hypervisor(raw), KEY_ID, "demo")
    secret, value = raw.found[str(KEY_ID)], raw.found[str(KEY_ID)].value
    keys.create_disk_key(hypervisor(raw), KEY_ID, "another")
    assert raw.found == {str(KEY_ID): secret}
    assert secret.value == value


def test_key_of_a_killed_run_gets_a_value() -> None:
    raw = FakeSecrets()
    keys._define(hypervisor(raw), KEY_ID, "unfinished: demo")
    keys.create_disk_key(hypervisor(raw), KEY_ID, "demo")
    secret = raw.found[str(KEY_ID)]
    assert secret.value is not None
    assert text_of(secret.xml, "description") == "demo"


def test_key_is_marked_while_it_has_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = FakeSecrets()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(FakeSecret, "setValue", killed)
    with pytest.raises(KeyboardInterrupt):
        keys.create_disk_key(hypervisor(raw), KEY_ID, "demo")
    assert text_of(raw.found[str(KEY_ID)].xml, "description") == "unfinished: demo"


def test_key_without_a_value_does_not_stay() -> None:
    raw = FakeSecrets(refuses=True)
    with pytest.raises(libvirt.libvirtError):
        keys.create_disk_key(hypervisor(raw), KEY_ID, "demo")
    assert raw.found == {}


def test_deleting_a_key_twice_is_fine() -> None:
    raw = FakeSecrets()
    keys.create_disk_key(hypervisor(raw), KEY_ID, "demo")
    for _ in range(2):
        keys.delete_disk_key(hypervisor(raw), KEY_ID)
        assert not keys.exists(hypervisor(raw), KEY_ID)


def test_failure_is_not_taken_for_absence_of_a_key() -> None:
    raw = FakeSecrets(failing=True)
    with pytest.raises(libvirt.libvirtError):
        keys.create_disk_key(hypervisor(raw), KEY_ID, "demo")
    with pytest.raises(libvirt.libvirtError):
        keys.delete_disk_key(hypervisor(raw), KEY_ID)
    assert raw.found == {}


def test_deleting_a_filter_twice_is_fine() -> None:
    raw = FakeFilters()
    filters.define_filter(hypervisor(raw), FILTER)
    assert raw.found == {"sbx-demo-sandbox": FILTER}
    for _ in range(2):
        filters.delete_filter(hypervisor(raw), "sbx-demo-sandbox")
        assert raw.found == {}


def test_failure_is_not_taken_for_absence_of_a_filter() -> None:
    with pytest.raises(libvirt.libvirtError):
        filters.delete_filter(hypervisor(FakeFilters(failing=True)), "sbx-demo-sandbox")
