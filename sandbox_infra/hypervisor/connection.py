"""A connection to libvirt whose errors are ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import libvirt

from sandbox_infra.errors import HypervisorError

# libvirt prints every error it returns; ours are raised instead.
libvirt.registerErrorHandler(lambda _context, _error: None, None)

_DISK_FULL = "No space left on device"


@dataclass(frozen=True, kw_only=True)
class Hypervisor:
    """An open connection.

    Attributes:
        uri: Where it leads.
        raw: libvirt's own connection, for this package only.
    """

    uri: str
    raw: Any


@contextmanager
def connect(uri: str) -> Iterator[Hypervisor]:
    """Open a connection for the length of a ``with`` block.

    Raises:
        HypervisorError: libvirt cannot be reached, or refused a request inside the block.
    """
    try:
        raw = libvirt.open(uri)
    except libvirt.libvirtError as exc:
        msg = f"libvirt does not answer at {uri!r} ({exc}); start it, or run: scripts/lab up"
        raise HypervisorError(msg) from exc
    try:
        yield Hypervisor(uri=uri, raw=raw)
    except libvirt.libvirtError as exc:
        raise translate(exc) from exc
    finally:
        raw.close()


def translate(error: libvirt.libvirtError) -> HypervisorError:
    """Turn libvirt's error into one with a remedy."""
    message = str(error)
    if _DISK_FULL in message:
        return HypervisorError(f"the hypervisor's disk is full: {message}; free space and retry")
    return HypervisorError(f"libvirt refused the request: {message}")


def is_missing(error: libvirt.libvirtError) -> bool:
    """Whether an error says that the object is not there."""
    return error.get_error_code() in {
        libvirt.VIR_ERR_NO_DOMAIN,
        libvirt.VIR_ERR_NO_NETWORK,
        libvirt.VIR_ERR_NO_NWFILTER,
        libvirt.VIR_ERR_NO_SECRET,
        libvirt.VIR_ERR_NO_STORAGE_POOL,
        libvirt.VIR_ERR_NO_STORAGE_VOL,
    }
