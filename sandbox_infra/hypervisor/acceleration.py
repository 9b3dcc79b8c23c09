"""Whether guests really run under KVM: found out by booting, not by looking for a file.

/dev/kvm may open and still be of no use, in nested and paravirtual set-ups. The probe boots the
golden image's kernel for a few seconds and looks at what it says.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Final

from sandbox_infra.process import start_quietly
from sandbox_infra.site import Site

PROBE_SECONDS: Final = 8
_EMULATOR: Final = "qemu-system-x86_64"
_DEVICE: Final = Path("/dev/kvm")
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")

# The kernel has come so far that processor, timer and memory work.
_ALIVE: Final = ("Freeing unused kernel", "Run /init", "Kernel panic - not syncing: VFS")


def kvm_works(site: Site) -> bool:
    """The probe's answer, asked once for each boot of the machine, kernel and emulator."""
    kernel = site.images / "sandbox" / "vmlinuz"
    if not _DEVICE.exists() or not kernel.exists():
        return False
    cache = site.lab / "kvm.json"
    key = _key(kernel)
    try:
        known = json.loads(cache.read_text())
        if known["key"] == key:
            return bool(known["works"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not asked yet, or the note was cut short: ask again
    works = probe(kernel)
    cache.parent.mkdir(parents=True, exist_ok=True)
    cache.write_text(json.dumps({"key": key, "works": works}))
    return works


def _key(kernel: Path) -> str:
    facts = kernel.stat()
    emulator = Path(shutil.which(_EMULATOR) or _EMULATOR)
    version = emulator.stat().st_mtime_ns if emulator.exists() else 0
    sizes = (facts.st_size, facts.st_mtime_ns, version)
    parts = (_BOOT_ID.read_text(), str(kernel), *map(str, sizes))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def probe(kernel: Path, seconds: float = PROBE_SECONDS) -> bool:
    """Boot a kernel under KVM for a few seconds and see whether it comes to life.

    Args:
        kernel: The kernel; it has no disk and ends in a panic, which is far enough.
        seconds: How long it may take.
    """
    with tempfile.TemporaryDirectory() as work:
        console = Path(work) / "console"
        command: list[str | Path] = [
            _EMULATOR, "-accel", "kvm", "-cpu", "host", "-m", "256", "-nodefaults",
            "-display", "none", "-no-reboot", "-serial", f"file:{console}", "-kernel", kernel,
            "-append", "console=ttyS0 earlyprintk=ttyS0 panic=-1",
        ]  # fmt: skip
        with start_quietly(command) as emulator:
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline and emulator.running():
                if _came_alive(console):
                    return True
                time.sleep(0.1)
        return _came_alive(console)


def _came_alive(console: Path) -> bool:
    text = console.read_text(errors="replace") if console.exists() else ""
    return any(word in text for word in _ALIVE)
