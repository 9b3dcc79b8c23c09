"""Pulumi's output, as it really was printed, and what people see of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sandbox_infra.lifecycle.progress import Lock, Steps, diagnostics, locks

OUTPUT = """\
Updating (demo):

    pulumi:pulumi:Stack sandbox-infra-demo running
@ updating....
 +  sandbox:libvirt:Stack demo creating (0s)
 +  libvirt:index:Pool sbx-demo created (0.05s)
    sandbox:libvirt:Machine sbx-demo-appliance: volumes
 **failed** 1 error
Diagnostics:
  pulumi:pulumi:Stack (sandbox-infra-demo):
    error: the guest did not become ready, it says:
      unit openbao failed
      its last words:

Outputs:
    project: "demo"

Resources:
    + 2 created

Duration: 5s
"""
LOCKED = (
    "error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to "
    "end or delete the lock file with `pulumi cancel`.\n"
    "  file:///x/.pulumi/locks/organization/sandbox-infra/demo/a.json: created by root@here "
    "(pid 123) at 2026-01-02T03:04:05Z"
)


def test_steps_are_picked() -> None:
    steps = Steps()
    shown = [text for line in OUTPUT.splitlines() if (text := steps.pick(line))]
    assert shown == [
        "pulumi:pulumi:Stack sandbox-infra-demo running",
        "+ sandbox:libvirt:Stack demo creating (0s)",
        "+ libvirt:index:Pool sbx-demo created (0.05s)",
        "sandbox:libvirt:Machine sbx-demo-appliance: volumes",
        "**failed** 1 error",
    ]


def test_reasons_are_the_diagnostics() -> None:
    found = diagnostics(OUTPUT, "")
    assert found.startswith("  pulumi:pulumi:Stack (sandbox-infra-demo):\n    error: the guest")
    assert found.endswith("its last words:")
    assert "project" not in found


def test_reasons_without_diagnostics_are_what_was_complained() -> None:
    assert diagnostics("", "error: no passphrase\n") == "error: no passphrase"
    assert diagnostics("said\n", "") == "said"
    assert diagnostics("", "") == ""


def test_locks_are_read() -> None:
    assert locks(LOCKED) == (Lock(user="root", host="here", pid=123),)
    assert locks("error: something else") == ()


@pytest.mark.parametrize(
    ("comm", "stale"), [("pulumi\n", False), ("python3\n", True), (None, True)]
)
def test_a_lock_is_stale_when_its_pulumi_is_gone(
    tmp_path: Path, comm: str | None, *, stale: bool
) -> None:
    if comm is not None:
        (tmp_path / "123").mkdir()
        (tmp_path / "123" / "comm").write_text(comm)
    lock = Lock(user="root", host=os.uname().nodename, pid=123)
    assert lock.is_stale(tmp_path) is stale


def test_a_lock_of_another_machine_is_never_stale(tmp_path: Path) -> None:
    assert not Lock(user="root", host="elsewhere", pid=123).is_stale(tmp_path)
