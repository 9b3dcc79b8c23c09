"""The life of one stack on real VMs, from a killed first run to the last trace removed.

The tests share the stack and run in the order of the file.
"""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.running_stack import ROOT, RunningStack
from tests.support.stack_files import raw_stack_file

NAME = "itest"
MARKER = "marker-that-must-not-be-readable-outside-8c1f"


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
    shares = sorted(handover.rglob("*.age"))
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
    listed = [line for line in stack.virsh("secret-list").stdout.splitlines() if NAME in line]
    assert len(listed) == 5
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


@pytest.mark.parametrize("notebook", ["textgen", "classifier"])
def test_notebooks_do_real_work(stack: RunningStack, notebook: str, tmp_path: Path) -> None:
    done = stack.command(
        "sandbox",
        "run",
        NAME,
        f"examples/{notebook}.ipynb",
        "--output",
        str(tmp_path / "out.ipynb"),
        timeout_s=1200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    cells = json.loads((tmp_path / "out.ipynb").read_text())["cells"]
    outputs = [out for cell in cells for out in cell.get("outputs", ())]
    assert outputs
    assert not [out for out in outputs if out["output_type"] == "error"]


def test_what_is_written_inside_is_not_readable_outside(stack: RunningStack) -> None:
    inside(stack, f"echo {MARKER} > ~/marker && sync")
    pool = stack.virsh("pool-dumpxml", f"sbx-{NAME}").stdout
    path = re.search(r"<path>(.*)</path>", pool)
    assert path
    volume = Path(stack.env["SANDBOX_HOME"]) / "lab" / "lib" / "images"
    folder = volume / Path(path[1]).name if volume.exists() else Path(path[1])
    data = (folder / "sandbox-home.luks").read_bytes()
    assert data[:4] == b"LUKS"
    assert MARKER.encode() not in data


def test_appliance_survives_a_reboot(stack: RunningStack) -> None:
    """OpenBao unseals itself and MLflow answers, without a human."""
    assert stack.virsh("reset", f"sbx-{NAME}-appliance").returncode == 0
    deadline = time.monotonic() + 900
    script = (
        "for s in mlflow vault; do printf 'GET / HTTP/1.0\\r\\n\\r\\n' |"
        " timeout 20 lab-connect $s | head -n 1; done"
    )
    while True:
        done = stack.command("sandbox", "ssh", NAME, "--", script, timeout_s=120)
        if done.stdout.count("HTTP/1") == 2 and " 50" not in done.stdout:
            break
        assert time.monotonic() < deadline, done.stdout + done.stderr
        time.sleep(5)


def test_a_domain_changed_by_hand_is_seen_and_mended(stack: RunningStack) -> None:
    name = f"sbx-{NAME}-sandbox"
    assert stack.command("sandbox", "drift", NAME).returncode == 0
    device = Path(stack.state) / "device.xml"
    device.write_text("<controller type='usb' model='qemu-xhci'/>")
    assert stack.virsh("attach-device", name, str(device), "--config").returncode == 0
    drift = stack.command("sandbox", "drift", NAME)
    assert drift.returncode != 0
    assert "usb" in drift.stdout + drift.stderr
    refreshed = stack.pulumi("refresh", "--expect-no-changes")
    assert refreshed.returncode != 0
    mended = stack.pulumi("up")
    assert mended.returncode == 0, mended.stdout + mended.stderr
    assert stack.command("sandbox", "drift", NAME).returncode == 0


def test_a_changed_template_replaces_the_vm_and_keeps_the_data(stack: RunningStack) -> None:
    people = [
        {"name": "ada", "ssh_keys": ["operator"]},
        {"name": "grace", "ssh_keys": ["operator"]},
    ]
    stack.write(wanted(users=people))
    preview = stack.pulumi("preview", "--diff")
    assert preview.returncode == 0, preview.stdout + preview.stderr
    assert "replace" in preview.stdout
    assert stack.pulumi("up").returncode == 0
    assert inside(stack, "cat ~/marker").strip() == MARKER
    assert "grace" in inside(stack, "getent passwd grace")


def test_a_token_used_before_is_an_alarm(stack: RunningStack) -> None:
    stack.write(wanted())
    token = f"sbx-{NAME}-sandbox-enrolment"
    issued = stack.pulumi("up", "--target", f"**{token}", "--target-dependents=false")
    assert issued.returncode == 0, issued.stdout + issued.stderr
    state = json.loads(
        stack.command("pulumi", "stack", "export", "-s", NAME, "--show-secrets").stdout
    )
    (resource,) = [
        one for one in state["deployment"]["resources"] if one["urn"].endswith(f"::{token}")
    ]
    accessor = resource["outputs"]["accessor"]
    used = use_token(stack, resource["outputs"]["wrapped_token"])
    assert used, "the test could not use the token up"
    done = stack.pulumi("up")
    text = done.stdout + done.stderr
    assert done.returncode != 0
    assert "alarm" in text.lower()
    assert accessor in text


def use_token(stack: RunningStack, wrapped: Any) -> bool:
    """Use an enrolment token before the sandbox does, as a thief would."""
    token = str(wrapped["plaintext"] if isinstance(wrapped, dict) else wrapped)
    text = json.loads(token) if token.startswith('"') else token
    script = (
        "import hvac,os;c=hvac.Client(os.environ['VAULT_ADDR'],verify='/etc/lab/ca.pem',"
        f"token='{text}');print('secret_id' in c.sys.unwrap()['data'])"
    )
    out = inside(stack, f'. /etc/profile.d/lab.sh; /opt/lab/bin/python3 -c "{script}"')
    return out.strip() == "True"


def test_destroy_leaves_nothing(stack: RunningStack) -> None:
    done = stack.pulumi("destroy", timeout_s=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert stack.remains() == []
    assert (ROOT / "stacks" / "Pulumi.demo.yaml").exists()
