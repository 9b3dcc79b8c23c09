"""Recovery keys, handed out once: each share encrypted to somebody's SSH key with age."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyrage

from sandbox_infra.errors import ApplianceError


def check_recipients(recipients: Sequence[str]) -> None:
    """See that every key can be encrypted to, before there is anything to lose.

    Raises:
        ApplianceError: A key cannot be used, or there is none.
    """
    if not recipients:
        msg = "nobody would get the recovery keys: name keys under appliance.recovery_recipients"
        raise ApplianceError(msg)
    for recipient in recipients:
        _recipient(recipient)


def hand_out(shares: Sequence[str], recipients: Sequence[str], folder: Path) -> tuple[Path, ...]:
    """Write each share for the next recipient in turn.

    Args:
        shares: The recovery keys as OpenBao gave them.
        recipients: SSH public keys.
        folder: Where the files go; of this very OpenBao, so nothing is ever overwritten.

    Returns:
        The files, ``recovery-1.age`` and so on, readable by their owner only.

    Raises:
        ApplianceError: A recipient's key cannot be used.
    """
    keys = [_recipient(recipient) for recipient in recipients]
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    files = []
    for position, share in enumerate(shares):
        file = folder / f"recovery-{position + 1}.age"
        encrypted = pyrage.encrypt(share.encode(), [keys[position % len(keys)]])
        with file.open("xb") as handle:
            file.chmod(0o600)
            handle.write(encrypted)
        files.append(file)
    return tuple(files)


def _recipient(key: str) -> pyrage.ssh.Recipient:
    words = " ".join(key.split()[:2])
    try:
        return pyrage.ssh.Recipient.from_str(words)
    except pyrage.RecipientError as exc:
        kind = words.partition(" ")[0]
        msg = (
            f"recovery keys cannot be encrypted to a key of type {kind!r}: use an ssh-ed25519 "
            "or ssh-rsa key under appliance.recovery_recipients"
        )
        raise ApplianceError(msg) from exc
