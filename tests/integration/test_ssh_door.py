"""The SSH door against a real server: key exchange, host keys, tunnels, namespaces."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox_infra.errors import GuestError, HostKeyError
from sandbox_infra.guest.channels import Channels
from sandbox_infra.guest.netns import _enter
from sandbox_infra.guest.ssh import GuestTarget, NoMoreChannelsError, connect_guest, open_guest
from tests.support.ssh_server import Server, serve, write_key

pytestmark = pytest.mark.integration


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    public = write_key(tmp_path / "key")
    (tmp_path / "guest").mkdir()
    with serve(tmp_path / "guest", public) as running:
        yield running


@pytest.fixture
def target(server: Server, tmp_path: Path) -> GuestTarget:
    return GuestTarget(
        address="127.0.0.1",
        user="ada",
        host_key=server.host_key,
        key_path=tmp_path / "key",
        port=server.port,
    )


def never(_: float) -> None:
    pytest.fail("nothing was to be tried again")


def test_a_command_with_input(target: GuestTarget) -> None:
    with connect_guest(target) as guest:
        done = guest.run("cat", "grüße\n")
    assert (done.code, done.stdout, done.stderr) == (0, "grüße\n", "")


def test_output_is_handed_on_as_it_comes(target: GuestTarget) -> None:
    pieces: list[str] = []
    with connect_guest(target) as guest:
        guest.run("say hello", on_output=pieces.append)
    assert "".join(pieces) == "hello"


def test_both_outputs_at_once_do_not_block(target: GuestTarget) -> None:
    with connect_guest(target) as guest:
        done = guest.run("flood", timeout_s=60)
    assert len(done.stdout) == len(done.stderr) == 64 * 65536


def test_a_failure_raises_with_what_was_said(target: GuestTarget) -> None:
    with connect_guest(target) as guest, pytest.raises(GuestError, match="exit code 1\nno such"):
        guest.run("complain no such volume")


def test_a_failure_may_be_looked_at(target: GuestTarget) -> None:
    with connect_guest(target) as guest:
        assert guest.run("exit 3", check=False).code == 3


def test_a_command_that_does_not_end(target: GuestTarget) -> None:
    with connect_guest(target) as guest, pytest.raises(GuestError, match="no end of 'hang'"):
        guest.run("hang", timeout_s=0.3)


def test_another_host_key_is_refused_at_once(target: GuestTarget, tmp_path: Path) -> None:
    other = write_key(tmp_path / "other")
    wrong = replace(target, host_key=other)
    with pytest.raises(HostKeyError) as raised, connect_guest(wrong, sleep=never):
        pass
    assert str(raised.value).count("SHA256:") == 2


def test_a_host_key_of_another_type_is_refused(target: GuestTarget) -> None:
    wrong = replace(target, host_key="ecdsa-sha2-nistp256 AAAA")
    with pytest.raises(GuestError), connect_guest(wrong, attempts=1):
        pass


def test_another_account_is_refused_at_once(target: GuestTarget) -> None:
    with (
        pytest.raises(GuestError, match="refused the login of 'eve'"),
        connect_guest(replace(target, user="eve"), sleep=never),
    ):
        pass


def test_a_key_that_is_none(target: GuestTarget, tmp_path: Path) -> None:
    (tmp_path / "nonsense").write_text("nonsense")
    wrong = replace(target, key_path=tmp_path / "nonsense")
    with pytest.raises(GuestError, match="cannot be used"), connect_guest(wrong, sleep=never):
        pass


def test_nobody_listens(target: GuestTarget) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    slept: list[float] = []
    wrong = replace(target, port=port)
    with (
        pytest.raises(GuestError, match="in 3 attempts"),
        connect_guest(wrong, attempts=3, sleep=slept.append),
    ):
        pass
    assert len(slept) == 2


def test_files_go_in_and_come_back(target: GuestTarget, tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(bytes(range(256)) * 1000)
    with connect_guest(target) as guest:
        guest.put(tmp_path / "one", "copy")
        guest.get("copy", tmp_path / "two")
    assert (tmp_path / "two").read_bytes() == (tmp_path / "one").read_bytes()


def test_a_file_that_is_not_there(target: GuestTarget, tmp_path: Path) -> None:
    with connect_guest(target) as guest, pytest.raises(GuestError, match="was not copied"):
        guest.get("missing", tmp_path / "two")


def test_a_tunnel_carries_many_connections(target: GuestTarget) -> None:
    with connect_guest(target) as guest, guest.tunnel("127.0.0.1", 8200) as port:
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
                sock.sendall(b"hello")
                sock.shutdown(socket.SHUT_WR)
                assert sock.makefile("rb").read() == b"HELLO"


def test_a_tunnel_to_a_closed_port_ends_the_connection(target: GuestTarget) -> None:
    with (
        connect_guest(target) as guest,
        guest.tunnel("127.0.0.1", 1) as port,
        socket.create_connection(("127.0.0.1", port), timeout=10) as sock,
    ):
        assert sock.recv(1) == b""


def test_nothing_of_a_tunnel_is_left(target: GuestTarget) -> None:
    with connect_guest(target) as guest:
        with guest.tunnel("127.0.0.1", 8200) as port:
            sock = socket.create_connection(("127.0.0.1", port), timeout=10)
            sock.sendall(b"hello")
            assert sock.recv(5) == b"HELLO"
        assert sock.recv(1) == b""
        sock.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=10)
    left = [one.name for one in threading.enumerate() if one.name.startswith(("tunnel", "stream"))]
    assert left == []


def test_a_channel_is_a_stream(target: GuestTarget) -> None:
    with connect_guest(target) as guest:
        channel = guest.channel("cat")
        channel.sendall(b"abc")
        assert channel.recv(3) == b"abc"
        channel.shutdown_write()
        assert channel.recv(3) == b""


def test_full_connections_get_company(tmp_path: Path) -> None:
    public = write_key(tmp_path / "key")
    with serve(tmp_path, public, most_sessions=2) as server:
        target = GuestTarget(
            address="127.0.0.1", user="ada", host_key=server.host_key,
            key_path=tmp_path / "key", port=server.port,
        )  # fmt: skip
        with connect_guest(target) as guest:
            for _ in range(2):
                guest.channel("cat")
            with pytest.raises(NoMoreChannelsError):
                guest.channel("cat")
        channels = Channels(lambda: open_guest(target))
        opened = [channels.open("cat") for _ in range(5)]
        assert len(server.accounts) == 1 + 3
        opened[4].sendall(b"x")
        assert opened[4].recv(1) == b"x"
        channels.close()


@pytest.fixture
def namespace() -> Iterator[str]:
    if os.geteuid() != 0:
        pytest.skip("network namespaces are made by root only")
    name = f"sbx-test-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    subprocess.run(["ip", "netns", "exec", name, "ip", "link", "set", "lo", "up"], check=True)
    yield name
    subprocess.run(["ip", "netns", "delete", name], check=True)


def listen_in(namespace: str) -> socket.socket:
    made: list[socket.socket] = []

    def make() -> None:
        _enter(namespace)
        made.append(socket.create_server(("127.0.0.1", 0)))

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    return made[0]


def test_a_guest_in_a_network_namespace(namespace: str, tmp_path: Path) -> None:
    public = write_key(tmp_path / "key")
    with serve(tmp_path, public, listener=listen_in(namespace)) as server:
        target = GuestTarget(
            address="127.0.0.1", user="ada", host_key=server.host_key,
            key_path=tmp_path / "key", port=server.port, netns=namespace,
        )  # fmt: skip
        with connect_guest(target) as guest:
            assert guest.run("say inside").stdout == "inside"
        with pytest.raises(GuestError), connect_guest(replace(target, netns=None), attempts=1):
            pass
    # Only the short-lived thread was ever inside.
    assert {path.readlink() for path in Path("/proc/self/task").glob("*/ns/net")} == {
        Path("/proc/self/ns/net").readlink()
    }


def test_a_namespace_that_is_gone(target: GuestTarget) -> None:
    wrong = replace(target, netns="sbx-no-such")
    with pytest.raises(GuestError, match="is gone"), connect_guest(wrong, sleep=never):
        pass
