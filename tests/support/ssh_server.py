"""A real SSH server in this process, with a real key exchange, for one account and one key."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paramiko import common, sftp


def write_key(path: Path) -> str:
    """Make an Ed25519 key pair; returns the public half as ``type base64``."""
    key = Ed25519PrivateKey.generate()
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        )
    )
    path.chmod(0o600)
    public = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return public.decode()


class _Files(paramiko.SFTPServerInterface):
    """Files of one folder."""

    root: Path

    def _path(self, name: str) -> Path:
        return self.root / name.lstrip("/")

    def stat(self, path: str) -> Any:
        try:
            return paramiko.SFTPAttributes.from_stat(self._path(path).stat())
        except FileNotFoundError:
            return sftp.SFTP_NO_SUCH_FILE

    def open(self, path: str, flags: int, attr: paramiko.SFTPAttributes) -> Any:
        del attr
        writing = bool(flags & 1)
        if not writing and not self._path(path).exists():
            return sftp.SFTP_NO_SUCH_FILE
        handle = paramiko.SFTPHandle(flags)
        opened = self._path(path).open("w+b" if writing else "rb")
        handle.readfile = handle.writefile = opened  # type: ignore[attr-defined]
        return handle


@dataclass
class Account(paramiko.ServerInterface):
    """Who may log in, and what the server does for them."""

    public_key: str
    most_sessions: int = 10
    ran: list[str] = field(default_factory=list)
    sessions: int = 0
    forwarded: set[int] = field(default_factory=set)

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        known = f"{key.get_name()} {key.get_base64()}" == self.public_key
        return common.AUTH_SUCCESSFUL if known and username == "ada" else common.AUTH_FAILED

    def get_allowed_auths(self, username: str) -> str:
        del username
        return "publickey"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        del kind, chanid
        self.sessions += 1
        if self.sessions > self.most_sessions:
            return common.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
        return common.OPEN_SUCCEEDED

    def check_channel_direct_tcpip_request(
        self, chanid: int, origin: tuple[str, int], destination: tuple[str, int]
    ) -> int:
        del origin
        if destination != ("127.0.0.1", 8200):
            return common.OPEN_FAILED_CONNECT_FAILED
        self.forwarded.add(chanid)
        return common.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self.ran.append(command.decode())
        threading.Thread(target=_execute, args=(channel, command.decode()), daemon=True).start()
        return True


def _execute(channel: paramiko.Channel, command: str) -> None:
    """The few commands there are: cat, say TEXT, complain TEXT, exit N, hang, flood."""
    word, _, rest = command.partition(" ")
    code = 0
    # The answer to the request itself has to go first.
    time.sleep(0.05)
    with suppress(OSError, EOFError):
        if word == "cat":
            while data := channel.recv(65536):
                channel.sendall(data)
        elif word == "say":
            channel.sendall(rest.encode())
        elif word == "complain":
            channel.sendall_stderr(rest.encode())
            code = 1
        elif word == "exit":
            code = int(rest)
        elif word == "flood":
            for _ in range(64):
                channel.sendall_stderr(b"e" * 65536)
                channel.sendall(b"o" * 65536)
        elif word == "hang":
            time.sleep(30)
        channel.send_exit_status(code)
        channel.close()


def _forwarded(transport: paramiko.Transport, account: Account) -> None:
    """Forwarded connections reach a service that answers in capitals."""
    while transport.is_active():
        channel = transport.accept(0.2)
        if channel is not None and channel.chanid in account.forwarded:
            threading.Thread(target=_capitals, args=(channel,), daemon=True).start()


def _capitals(channel: paramiko.Channel) -> None:
    with suppress(OSError, EOFError):
        while data := channel.recv(65536):
            channel.sendall(data.upper())
        channel.shutdown_write()


@dataclass(frozen=True)
class Server:
    """A server that runs: its port, its pinned key, and what it did."""

    port: int
    host_key: str
    accounts: list[Account]


@contextmanager
def serve(
    folder: Path,
    public_key: str,
    *,
    listener: socket.socket | None = None,
    most_sessions: int = 10,
) -> Iterator[Server]:
    """Run a server for the length of a ``with`` block."""
    host_key = write_key(folder / "host_key")
    private = paramiko.Ed25519Key.from_private_key_file(str(folder / "host_key"))
    listening = listener or socket.create_server(("127.0.0.1", 0))
    listening.settimeout(0.1)
    stop = threading.Event()
    accounts: list[Account] = []
    transports: list[paramiko.Transport] = []
    files = type("Files", (_Files,), {"root": folder})

    def accept() -> None:
        while not stop.is_set():
            try:
                sock, _ = listening.accept()
            except TimeoutError:
                continue
            transport = paramiko.Transport(sock)
            transport.add_server_key(private)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, files)
            account = Account(public_key, most_sessions=most_sessions)
            accounts.append(account)
            transports.append(transport)
            with suppress(paramiko.SSHException, EOFError):
                transport.start_server(server=account)
                threading.Thread(target=_forwarded, args=(transport, account), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield Server(listening.getsockname()[1], host_key, accounts)
    finally:
        stop.set()
        thread.join()
        for transport in transports:
            transport.close()
        listening.close()
