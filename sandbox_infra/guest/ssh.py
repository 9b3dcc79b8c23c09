"""The one SSH door: pinned host key, modern algorithms, inside a network namespace if need be."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import paramiko
from paramiko.pkey import UnknownKeyType
from paramiko.ssh_exception import SSHException
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from sandbox_infra.errors import GuestError, HostKeyError
from sandbox_infra.guest import tunnels
from sandbox_infra.guest.hostkeys import fingerprint
from sandbox_infra.guest.netns import open_socket
from sandbox_infra.guest.streams import CHUNK, ByteChannel
from sandbox_infra.process import Completed

# What paramiko has to complain about is raised too; without a handler it would print it.
logging.getLogger("paramiko").addHandler(logging.NullHandler())

CONNECT_SECONDS: Final = 10.0
ATTEMPTS: Final = 8
KEEPALIVE_SECONDS: Final = 30

# What OpenSSH of Debian 12 speaks and nobody has to apologise for; paramiko knows more.
_KEX: Final = ("curve25519-sha256@libssh.org", "ecdh-sha2-nistp256", "ecdh-sha2-nistp384")
_CIPHERS: Final = ("aes256-gcm@openssh.com", "aes128-gcm@openssh.com", "aes256-ctr", "aes128-ctr")
_DIGESTS: Final = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com")
_RSA: Final = ("rsa-sha2-512", "rsa-sha2-256")


class NoMoreChannelsError(GuestError):
    """The guest lets no more channels into this connection; another connection may have some."""


@dataclass(frozen=True, kw_only=True)
class GuestTarget:
    """Where a guest is and how it is recognised.

    Attributes:
        address: Its address on the lab network.
        user: Account to log in to.
        host_key: Its pinned host key, ``type base64``, as its console showed it.
        netns: Network namespace of the lab bridge; ``None`` for the machine's own.
        key_path: Private key file; ``None`` for the keys of the SSH agent.
        port: SSH port.
    """

    address: str
    user: str
    host_key: str
    netns: str | None = None
    key_path: Path | None = None
    port: int = 22


class GuestConnection:
    """A logged-in connection; ``connect_guest`` makes one."""

    def __init__(self, transport: paramiko.Transport, target: GuestTarget) -> None:
        self._transport = transport
        self.target = target

    def run(
        self,
        command: str,
        stdin: str | None = None,
        *,
        timeout_s: float = 120,
        check: bool = True,
        on_output: Callable[[str], None] | None = None,
    ) -> Completed:
        """Run a command to its end.

        Args:
            command: A line for the account's shell; never with a secret in it.
            stdin: Text for its standard input; the way to hand it a secret.
            timeout_s: Seconds until it is given up.
            check: Whether a non-zero exit code raises.
            on_output: Told each piece of its standard output as it comes.

        Raises:
            GuestError: It failed, did not end in time, or the connection broke.
        """
        channel = self._session(command)
        deadline = time.monotonic() + timeout_s
        stderr: list[bytes] = []
        helpers = [
            threading.Thread(target=_drain, args=(channel, stderr), daemon=True),
            threading.Thread(target=_feed, args=(channel, stdin), daemon=True),
        ]
        for helper in helpers:
            helper.start()
        try:
            stdout = _collect(channel, deadline, on_output)
            code = _exit_code(channel, deadline)
        except TimeoutError as exc:
            msg = f"{self._who()}: no end of {command!r} within {timeout_s:.0f} s"
            raise GuestError(msg) from exc
        finally:
            channel.close()
            for helper in helpers:
                helper.join(timeout=5)
        done = Completed(code=code, stdout=_text(stdout), stderr=_text(stderr))
        if check and code != 0:
            raise GuestError(self._complaint(command, done))
        return done

    def put(self, local: Path, remote: str) -> None:
        """Copy a file into the guest."""
        with self._files() as files:
            files.put(str(local), remote)

    def get(self, remote: str, local: Path) -> None:
        """Copy a file out of the guest."""
        with self._files() as files:
            files.get(remote, str(local))

    def channel(self, command: str) -> ByteChannel:
        """Start a command whose stdin and stdout are a stream.

        Raises:
            NoMoreChannelsError: This connection has as many channels as the guest allows.
        """
        return self._session(command)

    @contextmanager
    def tunnel(self, host: str, port: int) -> Iterator[int]:
        """Lead a port of this machine's loopback to an address as seen from the guest.

        Yields:
            The port on 127.0.0.1; connections end with the block.
        """

        def open_channel(peer: tuple[str, int]) -> ByteChannel | None:
            try:
                return self._transport.open_channel("direct-tcpip", (host, port), peer)
            except (SSHException, EOFError):
                return None

        with tunnels.serve(open_channel) as local_port:
            yield local_port

    def close(self) -> None:
        """End the connection and all that runs in it."""
        self._transport.close()

    def _session(self, command: str) -> paramiko.Channel:
        try:
            channel = self._transport.open_session(timeout=CONNECT_SECONDS)
            channel.exec_command(command)
        except paramiko.ChannelException as exc:
            msg = f"{self._who()}: the guest allows no more sessions in this connection"
            raise NoMoreChannelsError(msg) from exc
        except (SSHException, EOFError, OSError) as exc:
            msg = f"{self._who()}: the connection broke ({exc}); run the command again"
            raise GuestError(msg) from exc
        return channel

    @contextmanager
    def _files(self) -> Iterator[paramiko.SFTPClient]:
        try:
            files = paramiko.SFTPClient.from_transport(self._transport)
            if files is None:
                msg = f"{self._who()}: the guest offers no file transfer"
                raise GuestError(msg)
            with files:
                yield files
        except (SSHException, EOFError, OSError) as exc:
            msg = f"{self._who()}: the file was not copied ({exc})"
            raise GuestError(msg) from exc

    def _who(self) -> str:
        return f"{self.target.user}@{self.target.address}"

    def _complaint(self, command: str, done: Completed) -> str:
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-15:])
        return f"{self._who()}: {command!r} ended with exit code {done.code}\n{said}".rstrip()


@contextmanager
def connect_guest(
    target: GuestTarget,
    *,
    attempts: int = ATTEMPTS,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[GuestConnection]:
    """Log in to a guest for the length of a ``with`` block.

    Only a connection that could not be made is tried again; a wrong host key and a refused login
    are final.

    Raises:
        HostKeyError: The guest's host key is not the pinned one.
        GuestError: It could not be reached, or refused the login.
    """
    connection = open_guest(target, attempts=attempts, sleep=sleep)
    try:
        yield connection
    finally:
        connection.close()


def open_guest(
    target: GuestTarget,
    *,
    attempts: int = ATTEMPTS,
    sleep: Callable[[float], None] = time.sleep,
) -> GuestConnection:
    """As ``connect_guest``, but the caller closes it."""
    retrying = Retrying(
        stop=stop_after_attempt(attempts),
        wait=wait_exponential(multiplier=0.5, max=5),
        retry=retry_if_exception_type((OSError, SSHException, EOFError)),
        sleep=sleep,
        reraise=True,
    )
    try:
        return retrying(_connect, target)
    except (OSError, SSHException, EOFError) as exc:
        inside = f" in the network namespace {target.netns!r}" if target.netns else ""
        msg = (
            f"no SSH connection to {target.address!r}{inside} in {attempts} attempts "
            f"({exc or type(exc).__name__}); is the guest up? see: sandbox logs --console"
        )
        raise GuestError(msg) from exc


def _connect(target: GuestTarget) -> GuestConnection:
    pinned = fingerprint(target.host_key)
    sock = open_socket(target.address, target.port, netns=target.netns, timeout_s=CONNECT_SECONDS)
    transport = paramiko.Transport(sock)
    try:
        _restrict(transport, target.host_key.split()[0])
        transport.start_client(timeout=CONNECT_SECONDS)
        _compare(transport, target, pinned)
        _log_in(transport, target)
    except BaseException:
        transport.close()
        raise
    transport.set_keepalive(KEEPALIVE_SECONDS)
    return GuestConnection(transport, target)


def _restrict(transport: paramiko.Transport, host_key_type: str) -> None:
    options = transport.get_security_options()
    options.kex = _KEX
    options.ciphers = _CIPHERS
    options.digests = _DIGESTS
    options.key_types = _RSA if host_key_type == "ssh-rsa" else (host_key_type,)


def _compare(transport: paramiko.Transport, target: GuestTarget, pinned: str) -> None:
    key = transport.get_remote_server_key()
    found = fingerprint(f"{key.get_name()} {key.get_base64()}")
    if found != pinned:
        msg = (
            f"the host key of {target.address!r} is {found}, expected {pinned}: this is not the "
            "guest that was brought up; run: sandbox refresh, and find out who answers there"
        )
        raise HostKeyError(msg)


def _log_in(transport: paramiko.Transport, target: GuestTarget) -> None:
    keys = _keys(target)
    for key in keys:
        with suppress(paramiko.AuthenticationException):
            transport.auth_publickey(target.user, key)
            return
    msg = (
        f"{target.address!r} refused the login of {target.user!r} with {len(keys)} key(s); add "
        "the key to users[].ssh_keys of the stack file, or name another user"
    )
    raise GuestError(msg)


def _keys(target: GuestTarget) -> tuple[paramiko.PKey, ...]:
    if target.key_path is None:
        return tuple(paramiko.Agent().get_keys())
    try:
        return (paramiko.PKey.from_path(target.key_path),)
    except (OSError, SSHException, ValueError, UnknownKeyType) as exc:
        msg = f"the SSH key {str(target.key_path)!r} cannot be used ({exc}); run scripts/install"
        raise GuestError(msg) from exc


def _collect(
    channel: paramiko.Channel, deadline: float, on_output: Callable[[str], None] | None
) -> list[bytes]:
    chunks: list[bytes] = []
    while True:
        channel.settimeout(max(deadline - time.monotonic(), 0.01))
        data = channel.recv(CHUNK)
        if not data:
            return chunks
        chunks.append(data)
        if on_output is not None:
            on_output(data.decode(errors="replace"))


def _exit_code(channel: paramiko.Channel, deadline: float) -> int:
    if not channel.status_event.wait(max(deadline - time.monotonic(), 0)):
        raise TimeoutError
    return channel.recv_exit_status()


def _drain(channel: paramiko.Channel, chunks: list[bytes]) -> None:
    with suppress(OSError, EOFError):
        while data := channel.recv_stderr(CHUNK):
            chunks.append(data)


def _feed(channel: paramiko.Channel, stdin: str | None) -> None:
    # A command that ends without reading its input closes the channel: not an error of its own.
    with suppress(OSError, EOFError):
        if stdin:
            channel.sendall(stdin.encode())
        channel.shutdown_write()


def _text(chunks: list[bytes]) -> str:
    return b"".join(chunks).decode(errors="replace")
