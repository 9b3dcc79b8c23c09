"""A libvirtd of the project's own, for machines where none runs.

It lives in a network namespace and a mount namespace of its own: its state, sockets and pid
files lie in .sandbox/lab, its bridges lead nowhere. Guests outlive a crash of the daemon.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

import libvirt

from sandbox_infra.errors import HypervisorError, SandboxError, ToolError
from sandbox_infra.hypervisor.acceleration import kvm_works
from sandbox_infra.hypervisor.connection import connect
from sandbox_infra.process import run
from sandbox_infra.site import Site

# Folders of the lab and the paths that libvirt is built to use; they are mounted over each other.
_MOUNTS: Final = {
    "run": "/run/libvirt",
    "lib": "/var/lib/libvirt",
    "etc": "/etc/libvirt",
    "log": "/var/log/libvirt",
    "cache": "/var/cache/libvirt",
}
_LIB_FOLDERS: Final = {
    "boot": 0o711, "dnsmasq": 0o755, "images": 0o711, "network": 0o700, "qemu": 0o751,
    "swtpm": 0o711,
}  # fmt: skip
_SOCKET_LIMIT: Final = 107
_DAEMONS: Final = ("virtlogd", "libvirtd")
_START: Final = """
set -eu
mount --make-rprivate /
for pair in "$@"; do
    mkdir -p "${pair#*=}"
    mount --bind "${pair%%=*}" "${pair#*=}"
done
if [ -n "$DEVICES" ]; then
    mkdir -p "$DEVICES"
    mount -t tmpfs -o mode=755 devices "$DEVICES"
    cp -a --one-file-system /dev/. "$DEVICES/"
    rm -f "$DEVICES/kvm"
    for part in pts shm mqueue hugepages; do
        ! mountpoint -q "/dev/$part" || mount --move "/dev/$part" "$DEVICES/$part"
    done
    umount --lazy /dev
    mount --move "$DEVICES" /dev
fi
ip link set lo up
for daemon in virtlogd libvirtd; do
    "$daemon" --daemon --pid-file "/run/libvirt/$daemon.pid"
done
"""


@dataclass(frozen=True, kw_only=True)
class Lab:
    """The project's own libvirtd.

    Attributes:
        folder: .sandbox/lab.
    """

    folder: Path

    @property
    def netns(self) -> str:
        """Name of its network namespace; another checkout has another."""
        return f"sbx-{hashlib.sha256(str(self.folder).encode()).hexdigest()[:8]}"

    @property
    def socket(self) -> Path:
        """Its UNIX socket, reachable from outside the namespaces."""
        return self.folder / "run" / "libvirt-sock"

    @property
    def uri(self) -> str:
        """Its libvirt URI."""
        return f"qemu:///system?socket={quote(str(self.socket))}"

    def pid(self, daemon: str) -> int | None:
        """Process id of one of its daemons, if that lives."""
        return self._alive(self.folder / "run" / f"{daemon}.pid", daemon)

    def _alive(self, file: Path, program: str) -> int | None:
        """The process in a pid file: of that name and with our folder mounted, not another's."""
        try:
            pid = int(file.read_text())
            name = Path(f"/proc/{pid}/comm").read_text().strip()
            ours = Path(f"/proc/{pid}/root/run/libvirt").samefile(self.folder / "run")
        except (OSError, ValueError):
            return None
        return pid if ours and name.startswith(program) else None

    def running(self) -> bool:
        """Whether all its daemons live."""
        return all(self.pid(daemon) for daemon in _DAEMONS)

    def up(self, sleep: Callable[[float], None] = time.sleep) -> None:
        """Start it; nothing happens where it runs already.

        Raises:
            HypervisorError: It cannot be started.
        """
        self._check()
        with self._alone():
            devices = self._devices()
            if not self.running() or self._started_with() != devices:
                self._start(devices, sleep)
            self._wait(sleep)
            facts = {"uri": self.uri, "netns": self.netns, "devices": devices}
            (self.folder / "lab.json").write_text(json.dumps(facts) + "\n")

    def _start(self, devices: str, sleep: Callable[[float], None]) -> None:
        self._stop_daemons(sleep)
        self._folders()
        self._namespace()
        self._forget_the_dead()
        mounts = [f"{self.folder / part}={target}" for part, target in _MOUNTS.items()]
        namespaces = ["ip", "netns", "exec", self.netns, "unshare", "--mount"]
        environment = {"DEVICES": devices}
        run([*namespaces, "sh", "-c", _START, "lab", *mounts], env=environment, timeout_s=60)

    def _started_with(self) -> str | None:
        """The devices that the running daemons have; ``None`` if nobody knows."""
        try:
            known = json.loads((self.folder / "lab.json").read_text())
        except (OSError, ValueError):
            return None
        return str(known["devices"]) if "devices" in known else None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep two runs from starting or stopping it at the same time."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def down(self, *, force: bool = False, sleep: Callable[[float], None] = time.sleep) -> None:
        """Stop it.

        Args:
            force: Stop its guests with it.
            sleep: Waits; injected by tests.

        Raises:
            HypervisorError: Guests run and ``force`` is not given.
        """
        guests = self.guests()
        if guests and not force:
            names = ", ".join(sorted(guests))
            msg = f"guests are running: {names}; destroy their stacks, or use --force"
            raise HypervisorError(msg)
        if not self.folder.exists():
            return
        with self._alone():
            if self.running():
                self._empty()
            for pid in self.guests().values():
                _end(pid, sleep)
            self._stop_daemons(sleep)
            (self.folder / "lab.json").unlink(missing_ok=True)
            if self._namespace_exists():
                run(["ip", "netns", "delete", self.netns])

    def _empty(self) -> None:
        """Stop what runs, as libvirt does it; what it cannot stop is ended by process id."""
        with suppress(HypervisorError), connect(self.uri) as hypervisor:
            running = hypervisor.raw.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)
            networks = hypervisor.raw.listAllNetworks(libvirt.VIR_CONNECT_LIST_NETWORKS_ACTIVE)
            for thing in (*running, *networks):
                with suppress(libvirt.libvirtError):
                    thing.destroy()

    def guests(self) -> dict[str, int]:
        """Names and process ids of the running guests, which outlive a daemon that was killed."""
        files = (self.folder / "run" / "qemu").glob("*.pid")
        found = {file.stem: self._alive(file, "qemu-system") for file in files}
        return {name: pid for name, pid in found.items() if pid is not None}

    def _check(self) -> None:
        if os.geteuid() != 0:
            msg = "the lab needs root: run it with sudo"
            raise HypervisorError(msg)
        for program in (*_DAEMONS, "ip", "unshare"):
            if shutil.which(program) is None:
                msg = f"{program!r} is not installed, the lab needs it; run scripts/install"
                raise ToolError(msg)
        if len(str(self.socket)) > _SOCKET_LIMIT:
            msg = (
                f"the socket's path {str(self.socket)!r} is longer than {_SOCKET_LIMIT} "
                "characters; move the project to a shorter path, or set SANDBOX_HOME"
            )
            raise HypervisorError(msg)

    def _folders(self) -> None:
        for part in _MOUNTS:
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        for name, mode in _LIB_FOLDERS.items():
            folder = self.folder / "lib" / name
            folder.mkdir(exist_ok=True)
            folder.chmod(mode)
        shutil.chown(self.folder / "lib" / "qemu", "libvirt-qemu")
        # libvirt starts what is marked so once a boot of the machine; here, once a start of it.
        for mark in (self.folder / "run").rglob("autostarted"):
            mark.unlink()
        if not (self.folder / "etc" / "qemu.conf").exists():
            self._settings(Path("/etc/libvirt"))
            # Whoever reaches the socket is root on the guests: only root does.
            with (self.folder / "etc" / "libvirtd.conf").open("a") as file:
                file.write('unix_sock_ro_perms = "0700"\nunix_sock_rw_perms = "0700"\n')

    def _forget_the_dead(self) -> None:
        """Remove notes about guests that died with the machine.

        After a boot /run is empty, but this folder is not: libvirt would take such a guest for
        running and not start it, or not filter a new interface that has the name of an old one.
        """
        living = self.guests()
        links = run(["ip", "-n", self.netns, "-o", "link"]).stdout
        interfaces = {line.split()[1].partition("@")[0].rstrip(":") for line in links.splitlines()}
        for folder, known in (("qemu", living), ("nwfilter-binding", interfaces)):
            for note in (self.folder / "run" / folder).glob("*.xml"):
                if note.stem not in known:
                    note.unlink()

    def _settings(self, machine: Path) -> None:
        """Copy the machine's settings, but not its domains, networks, pools and secrets."""
        for file in (*machine.glob("*.conf"), *machine.glob("nwfilter/*.xml")):
            target = self.folder / "etc" / file.relative_to(machine)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)

    def _devices(self) -> str:
        """Where devices without /dev/kvm are put together, if no guest boots under KVM.

        libvirt takes an accessible device for a usable one, finds out that it is not, and probes
        the emulator again for every device of every guest: two minutes for one start.
        """
        return "" if kvm_works(Site.locate()) else str(self.folder / "devices")

    def _namespace(self) -> None:
        if not self._namespace_exists():
            run(["ip", "netns", "add", self.netns])

    def _namespace_exists(self) -> bool:
        return Path("/run/netns", self.netns).exists()

    def _wait(self, sleep: Callable[[float], None]) -> None:
        for _ in range(300):
            try:
                with connect(self.uri):
                    return
            except HypervisorError:
                sleep(0.1)
        msg = f"libvirtd was started and does not answer; look into {self.folder / 'log'}"
        raise HypervisorError(msg)

    def _stop_daemons(self, sleep: Callable[[float], None]) -> None:
        for daemon in reversed(_DAEMONS):
            pid = self.pid(daemon)
            if pid is not None:
                _end(pid, sleep)


def _end(pid: int, sleep: Callable[[float], None]) -> None:
    """End a process: kindly, and after ten seconds for good."""
    for attempt in range(200):
        try:
            os.kill(pid, signal.SIGTERM if attempt < 100 else signal.SIGKILL)  # noqa: PLR2004
        except ProcessLookupError:
            return
        sleep(0.1)


def main(words: list[str]) -> int:
    """``scripts/lab up|down [--force]|status``."""
    try:
        lab = Lab(folder=Site.locate().lab)
        match words:
            case ["up"]:
                lab.up()
                print(f"libvirtd runs at {lab.uri} in the namespace {lab.netns}")
            case ["down"] | ["down", "--force"]:
                lab.down(force="--force" in words)
                print("libvirtd is stopped")
            case ["status"]:
                print(f"running at {lab.uri}" if lab.running() else "not running")
                return 0 if lab.running() else 3
            case _:
                print("usage: scripts/lab up|down [--force]|status", file=sys.stderr)
                return 2
    except SandboxError as exc:
        print(f"error: {exc}", file=sys.stderr)
        return exc.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
