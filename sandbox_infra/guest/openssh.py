"""An interactive shell in a guest, by the machine's own OpenSSH client."""

from __future__ import annotations

from pathlib import Path

from sandbox_infra.guest.hostkeys import fingerprint
from sandbox_infra.guest.ssh import GuestTarget

_ALIAS = "sandbox-guest"


def write_known_hosts(path: Path, target: GuestTarget) -> None:
    """Write the pinned host key where OpenSSH reads it.

    Raises:
        HostKeyError: The pinned key is not a key.
    """
    fingerprint(target.host_key)
    path.write_text(f"{_ALIAS} {target.host_key}\n", encoding="utf-8")


def command(
    target: GuestTarget, known_hosts: Path, words: tuple[str, ...], *, terminal: bool
) -> list[str]:
    """The command line; nobody's own SSH configuration has a say in it.

    Args:
        target: The guest.
        known_hosts: The file with its pinned key.
        words: What to run there; nothing for a shell.
        terminal: Whether to ask for a terminal even when a command is given.
    """
    options = {
        "UserKnownHostsFile": str(known_hosts),
        "GlobalKnownHostsFile": "none",
        "HostKeyAlias": _ALIAS,
        "StrictHostKeyChecking": "yes",
        "HostKeyAlgorithms": target.host_key.split()[0],
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "ForwardAgent": "no",
        "ForwardX11": "no",
        "ConnectTimeout": "20",
        "ServerAliveInterval": "30",
        "LogLevel": "ERROR",
    }
    if target.key_path is not None:
        options |= {"IdentityFile": str(target.key_path), "IdentitiesOnly": "yes"}
    inside = ["ip", "netns", "exec", target.netns] if target.netns else []
    settings = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    return [
        *inside,
        "ssh",
        "-F",
        "none",
        *settings,
        *(["-t"] if terminal and words else []),
        "-p",
        str(target.port),
        "-l",
        target.user,
        target.address,
        *(["--", *words] if words else []),
    ]
