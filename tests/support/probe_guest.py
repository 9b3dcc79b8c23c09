"""A guest that does what a test tells it: the golden image with another first program.

It boots from the sandbox's encrypted root disk like any sandbox, but instead of systemd it starts
a server on port 22 that runs what it is sent as Python. The tests are its only users; it has
no way out of the lab network.
"""

from __future__ import annotations

import gzip
import json
import socket
import time
from pathlib import Path
from typing import Any

from sandbox_infra.guest.netns import open_socket
from sandbox_infra.image.initrd import _entry

_INIT = """\
#!/bin/busybox sh
b=/bin/busybox
$b mount -t devtmpfs devtmpfs /dev
$b mount -t proc proc /proc
for module in /modules/*.ko; do $b insmod "$module"; done
until [ -b /dev/vda ]; do $b usleep 50000; done
$b mount -t ext4 -o rw /dev/vda /root
$b mount --move /dev /root/dev
$b mount -t proc proc /root/proc
$b mount -t sysfs sys /root/sys
$b mount -t tmpfs run /root/run
$b cp /probe.py /root/run/probe.py
$b chroot /root /sbin/modprobe virtio_net
$b chroot /root /sbin/modprobe af_packet
$b chroot /root /usr/sbin/ip address add @ADDRESS@ dev eth0
$b chroot /root /usr/sbin/ip link set lo up
$b chroot /root /usr/sbin/ip link set eth0 up
echo "probe: serving" >/root/dev/console
exec $b chroot /root /usr/bin/python3 /run/probe.py >/root/dev/console 2>&1
"""

_SERVER = """\
import json, socketserver, traceback

class Order(socketserver.StreamRequestHandler):
    def handle(self):
        known = {"answer": None}
        try:
            exec(self.rfile.read().decode(), known)
        except BaseException:
            known["answer"] = {"failed": traceback.format_exc()}
        self.wfile.write(json.dumps(known["answer"]).encode())

socketserver.ThreadingTCPServer.allow_reuse_port = True
socketserver.ThreadingTCPServer(("", 22), Order).serve_forever()
"""


def write_probe_initrd(golden: Path, target: Path, address: str) -> None:
    """The golden initramfs with our first program; what comes later in the archive counts."""
    ours = _entry("init", 0o100755, _INIT.replace("@ADDRESS@", address).encode())
    ours += _entry("probe.py", 0o100644, _SERVER.encode()) + _entry("TRAILER!!!", 0)
    target.write_bytes(golden.read_bytes() + gzip.compress(ours))


class ProbeGuest:
    """The running guest, reached from the hypervisor's side."""

    def __init__(self, address: str, netns: str) -> None:
        self.address, self.netns = address, netns

    def __call__(self, code: str, timeout_s: float = 30) -> Any:
        """Run Python in the guest; what it leaves in ``answer`` comes back."""
        with self._connected(timeout_s) as link:
            link.sendall(code.encode())
            link.shutdown(socket.SHUT_WR)
            data = b""
            while part := link.recv(65536):
                data += part
        answer = json.loads(data)
        if isinstance(answer, dict) and "failed" in answer:
            raise AssertionError(answer["failed"])
        return answer

    def _connected(self, timeout_s: float) -> socket.socket:
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                return open_socket(self.address, 22, netns=self.netns, timeout_s=timeout_s)
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
