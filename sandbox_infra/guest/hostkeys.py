"""Host keys: how they are compared and how they are shown."""

from __future__ import annotations

import base64
import binascii
import hashlib

from sandbox_infra.errors import HostKeyError


def fingerprint(host_key: str) -> str:
    """The SHA-256 fingerprint of a ``type base64`` key, as OpenSSH writes it.

    Raises:
        HostKeyError: It is not a key.
    """
    try:
        blob = base64.b64decode(host_key.split()[1], validate=True)
    except (IndexError, binascii.Error) as exc:
        msg = f"the pinned host key {host_key!r} is not of the form 'type base64'"
        raise HostKeyError(msg) from exc
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return f"SHA256:{digest}"
