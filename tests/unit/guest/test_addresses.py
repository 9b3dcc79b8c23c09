"""Host keys, the OpenSSH command line, and channels over many connections."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from sandbox_infra.errors import GuestError, HostKeyError
from sandbox_infra.guest import openssh
from sandbox_infra.guest.channels import MOST_CONNECTIONS, Channels
from sandbox_infra.guest.hostkeys import fingerprint
from sandbox_infra.guest.ssh import GuestConnection, GuestTarget, NoMoreChannelsError

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGiOL5xHMWbo3n9KcitW0oPcRnjyoPqYoPqYoPqYoPqY"
TARGET = GuestTarget(address="10.77.0.10", user="ada", host_key=KEY, netns="lab")


def test_fingerprint_of_a_known_key() -> None:
    # As ssh-keygen -l prints it for a key of 32 zero bytes.
    zero = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    assert fingerprint(zero).startswith("SHA256:")
    assert len(fingerprint(zero)) == len("SHA256:") + 43
    assert fingerprint(zero) == fingerprint(zero + " a-comment")


@pytest.mark.parametrize("key", ["", "ssh-ed25519", "ssh-ed25519 not*base64", "ssh-ed25519 AAA"])
def test_what_is_no_key(key: str) -> None:
    with pytest.raises(HostKeyError, match="type base64"):
        fingerprint(key)


def test_the_openssh_command() -> None:
    words = openssh.command(TARGET, Path("/k/known"), (), terminal=True)
    assert words[:6] == ["ip", "netns", "exec", "lab", "ssh", "-F"]
    assert words[-2:] == ["ada", "10.77.0.10"]
    for option in (
        "StrictHostKeyChecking=yes",
        "UserKnownHostsFile=/k/known",
        "GlobalKnownHostsFile=none",
        "HostKeyAlgorithms=ssh-ed25519",
        "PasswordAuthentication=no",
        "ForwardAgent=no",
    ):
        assert option in words
    assert "-t" not in words
    assert not any(word.startswith("IdentityFile") for word in words)


def test_a_command_goes_last_and_cannot_be_an_option() -> None:
    target = replace(TARGET, netns=None, key_path=Path("/k/key"))
    words = openssh.command(target, Path("/k/known"), ("ls", "-la"), terminal=True)
    assert words[0] == "ssh"
    assert words[-3:] == ["--", "ls", "-la"]
    assert "-t" in words
    assert "IdentityFile=/k/key" in words
    assert "IdentitiesOnly=yes" in words
    assert "-t" not in openssh.command(target, Path("/k"), ("ls",), terminal=False)


def test_known_hosts_hold_the_pinned_key_only(tmp_path: Path) -> None:
    openssh.write_known_hosts(tmp_path / "known", TARGET)
    assert (tmp_path / "known").read_text() == f"sandbox-guest {KEY}\n"
    with pytest.raises(HostKeyError):
        openssh.write_known_hosts(tmp_path / "known", replace(TARGET, host_key="nonsense"))


class FakeConnection:
    """A connection with room for some channels; breaks when told to."""

    def __init__(self, room: int) -> None:
        self.room, self.broken, self.closed = room, False, False

    def channel(self, command: str) -> str:
        if self.broken:
            msg = "broken"
            raise GuestError(msg)
        if self.room == 0:
            msg = "full"
            raise NoMoreChannelsError(msg)
        self.room -= 1
        return command

    def close(self) -> None:
        self.closed = True


class Connections:
    def __init__(self, room: int) -> None:
        self.made: list[FakeConnection] = []
        self.room = room

    def __call__(self) -> GuestConnection:
        self.made.append(FakeConnection(self.room))
        return cast("GuestConnection", self.made[-1])


def test_channels_share_a_connection_until_it_is_full() -> None:
    connections = Connections(room=2)
    channels = Channels(connections)
    opened: list[Any] = [channels.open("x") for _ in range(5)]
    assert opened == ["x"] * 5
    assert len(connections.made) == 3
    channels.close()
    assert all(one.closed for one in connections.made)


def test_a_broken_connection_is_replaced() -> None:
    connections = Connections(room=5)
    channels = Channels(connections)
    channels.open("x")
    connections.made[0].broken = True
    channels.open("x")
    assert len(connections.made) == 2
    assert connections.made[0].closed


def test_there_is_an_end_to_connections() -> None:
    connections = Connections(room=1)
    channels = Channels(connections)
    for _ in range(MOST_CONNECTIONS):
        channels.open("x")
    with pytest.raises(GuestError, match="close some browser tabs"):
        channels.open("x")


def test_unit_tests_really_start_nothing() -> None:
    with pytest.raises(pytest.fail.Exception, match="reached outside"):
        subprocess.run(["true"], check=False)
