"""Errors of libvirt become ours, with a remedy."""

from __future__ import annotations

import libvirt
import pytest

from sandbox_infra.errors import HypervisorError
from sandbox_infra.hypervisor.connection import connect, is_missing, translate
from tests.unit.hypervisor.fakes import error

DRIVER = "test:///default"


def test_connects_and_closes() -> None:
    with connect(DRIVER) as hypervisor:
        assert hypervisor.uri == DRIVER
        assert hypervisor.raw.getURI() == DRIVER
    with pytest.raises(libvirt.libvirtError):
        hypervisor.raw.getURI()


def test_unreachable_uri_says_what_to_do() -> None:
    uri = "test:///no/such/file.xml"
    with pytest.raises(HypervisorError, match="scripts/lab up") as caught, connect(uri):
        pytest.fail("there is nothing there")
    assert uri in str(caught.value)


def test_an_error_inside_the_block_is_ours() -> None:
    with (
        pytest.raises(HypervisorError, match="refused the request"),
        connect(DRIVER) as hypervisor,
    ):
        hypervisor.raw.networkLookupByName("nobody")


def test_other_errors_pass() -> None:
    with pytest.raises(KeyError), connect(DRIVER):
        raise KeyError


def test_full_disk_is_named() -> None:
    full = error(libvirt.VIR_ERR_SYSTEM_ERROR, "cannot write: No space left on device")
    assert "free space and retry" in str(translate(full))


@pytest.mark.parametrize("what", ["DOMAIN", "NETWORK", "NWFILTER", "SECRET", "STORAGE_POOL"])
def test_missing_is_missing(what: str) -> None:
    assert is_missing(error(getattr(libvirt, f"VIR_ERR_NO_{what}")))


def test_refused_is_not_missing() -> None:
    assert not is_missing(error(libvirt.VIR_ERR_AUTH_FAILED))
    assert not is_missing(error(libvirt.VIR_ERR_NO_SUPPORT))
