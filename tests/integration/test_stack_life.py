"""The life of one stack on real VMs, from a killed first run to the last trace removed.

The tests share the stack and run in the order of the file.
"""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

from tests.support.running_stack import ROOT, RunningStack
from tests.support.stack_files import raw_stack_file

NAME = "itest"


def wanted(**changes: object) -> dict[str, object]:
    raw = raw_stack_file(
        project=NAME,
        network={"cidr": "10.213.77.0/24"},
        data_volumes=[{"name": "home", "size": "1GiB", "mount": "/home"}],
        appliance={"data": "2GiB"},
    )
    return raw | changes


def inside(stack: RunningStack, command: str) -> str:
    """Run a command in the sandbox as ada."""
    done = stack.command("sandbox", "ssh", NAME, "--", command, timeout_s=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_wrong_stack_file_creates_nothing(stack: RunningStack) -> None:
    stack.write(wanted(network={"cidr": "8.8.8.0/24"}, colour="red", cpu="many"))
    stack.init()
    done = stack.pulumi("up")
    assert done.returncode != 0
    text = done.stdout + done.stderr
    assert "colour" in text
    assert "cpu" in text
    assert "Traceback" not in text
    assert stack.remains() == []


def test_a_refused_plan_creates_nothing(stack: RunningStack) -> None:
    stack.write(wanted(memory="4TiB"))
    done = stack.pulumi("up")
    text = done.stdout + done.stderr
    assert done.returncode != 0
    assert "nothing was created" in text
    assert "memory" in text
    assert "Traceback" not in text
    assert stack.remains() == []


def test_somebody_elses_domain_is_neither_adopted_nor_deleted(stack: RunningStack) -> None:
    foreign = Path(stack.state) / "foreign.xml"
    foreign.write_text(
        f"<domain type='qemu'><name>sbx-{NAME}-sandbox</name><memory>65536</memory>"
        "<os><type arch='x86_64' machine='q35'>hvm</type></os></domain>"
    )
    assert stack.virsh("define", str(foreign)).returncode == 0
    try:
        stack.write(wanted())
        done = stack.pulumi("up")
        assert done.returncode != 0
        assert "belongs to somebody else" in done.stdout + done.stderr
        assert stack.remains() == [f"domain: sbx-{NAME}-sandbox"]
    finally:
        assert stack.virsh("undefine", f"sbx-{NAME}-sandbox").returncode == 0


def test_a_run_killed_in_the_middle(stack: RunningStack) -> None:
    """kill -9 while the appliance boots: the next test goes on from there."""
    stack.write(wanted())
    run = stack.started("pulumi", "up", "--yes", "--non-interactive", "-s", NAME)
    deadline = time.monotonic() + 300
    while f"sbx-{NAME}-appliance" not in stack.virsh("list", "--name").stdout:
        assert run.poll() is None, "pulumi up ended before it was killed"
        assert time.monotonic() < deadline, "no domain after five minutes"
        time.sleep(0.5)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()


def test_up_after_the_kill(stack: RunningStack) -> None:
    done = stack.command("sandbox", "up", NAME, timeout_s=2400)
    assert done.returncode == 0, done.stdout + done.stderr
    for word in ("sandbox open", "mlflow", "vault", "expires"):
        assert word in done.stdout.lower(), done.stdout


def test_a_second_up_changes_nothing(stack: RunningStack) -> None:
    done = stack.pulumi("up", "--expect-no-changes")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_refresh_sees_no_change(stack: RunningStack) -> None:
    done = stack.pulumi("refresh", "--expect-no-changes")
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_secret_is_in_the_state(stack: RunningStack) -> None:
    state = stack.export()
    assert "hvs." not in state
    assert "PRIVATE KEY" not in state
    assert not re.search(r'"(key|passphrase)_?value"', state)


def test_recovery_keys_are_handed_out_encrypted(stack: RunningStack) -> None:
    handover = Path(stack.env["SANDBOX_HOME"]) / "handover" / NAME
    newest = max(handover.iterdir(), key=lambda folder: folder.stat().st_mtime)
    shares = sorted(newest.glob("*.age"))
    assert len(shares) == 5
    for share in shares:
        assert share.stat().st_mode & 0o777 == 0o600
        assert share.read_bytes().startswith((b"age-encryption.org/v1", b"-----BEGIN AGE"))


def test_every_disk_is_encrypted_and_private(stack: RunningStack) -> None:
    for volume in ("sandbox-root.qcow2", "sandbox-home.luks", "appliance-data.luks"):
        xml = stack.virsh("vol-dumpxml", volume, "--pool", f"sbx-{NAME}").stdout
        assert "<encryption format='luks'" in xml, xml
        assert "<mode>0600</mode>" in xml, xml


def test_disk_keys_cannot_be_read_back(stack: RunningStack) -> None:
    listed = [
        line
        for line in stack.virsh("secret-list").stdout.splitlines()
        if re.match(r"\s*[0-9a-f]{8}-", line)
    ]
    assert len(listed) >= 5
    for line in listed:
        assert stack.virsh("secret-get-value", line.split()[0]).returncode != 0


def test_the_sandbox_reaches_its_appliance_and_nothing_else(stack: RunningStack) -> None:
    probe = (
        "import socket,sys\n"
        "def reach(a,p):\n"
        "  s=socket.socket(); s.settimeout(3)\n"
        "  try: s.connect((a,p)); return True\n"
        "  except OSError: return False\n"
        "print([reach('10.213.77.2',p) for p in (443,8200)],"
        "[reach('10.213.77.2',p) for p in (22,5000,9090,5432)],"
        "[reach('10.213.77.1',p) for p in (22,53,80,111,16509)],"
        "[reach(a,443) for a in ('192.0.2.1','198.51.100.7')])"
    )
    found = inside(stack, f'python3 -c "{probe}"').strip()
    assert found == str([True, True]) + f" {[False] * 4} {[False] * 5} {[False] * 2}"


def test_people_cannot_become_root(stack: RunningStack) -> None:
    done = stack.command("sandbox", "ssh", NAME, "--", "sudo -n id", timeout_s=120)
    assert done.returncode != 0
    assert "uid=0" not in done.stdout


def test_destroy_leaves_nothing(stack: RunningStack) -> None:
    done = stack.pulumi("destroy", timeout_s=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert stack.remains() == []
    assert (ROOT / "stacks" / "Pulumi.demo.yaml").exists()
