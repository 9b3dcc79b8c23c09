"""Session fixtures: the hypervisor, the golden images, and one stack shared by all tests.

Booting guests is what takes time, so the tests of one file share a stack and run in order.
Whatever happens, nothing is left: the session ends with a look at the hypervisor.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.running_stack import ROOT, RunningStack, environment


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is an integration test."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.integration)


@pytest.fixture(scope="session")
def hypervisor(images: None) -> Iterator[str]:
    """A libvirtd: the machine's own, or the lab's, stopped afterwards if we started it."""
    assert images is None  # built first: the lab probes KVM with the kernel of one
    env = environment()
    alive = subprocess.run(
        ["virsh", "-c", RunningStack.uri(), "uri"], capture_output=True, check=False, env=env
    )
    started = alive.returncode != 0
    if started:
        subprocess.run([ROOT / "scripts" / "lab", "up"], check=True, env=env)
    yield RunningStack.uri()
    if started:
        subprocess.run([ROOT / "scripts" / "lab", "down"], check=True, env=env)


@pytest.fixture(scope="session")
def images() -> None:
    """Both golden images, built when the recipes changed."""
    subprocess.run(
        ["sandbox", "image", "build"], check=True, env=environment(), cwd=ROOT, timeout=3000
    )


@pytest.fixture(scope="session")
def stack(
    hypervisor: str, images: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningStack]:
    """A stack that the tests bring up themselves; gone at the end."""
    assert hypervisor
    assert images is None
    running = RunningStack(name="itest", state=tmp_path_factory.mktemp("state"))
    running.clear()
    try:
        yield running
        print("\nwhere the time went:")
        for label, seconds in running.times.items():
            if seconds > 1:
                print(f"  {seconds:7.1f} s  {label[3:]}")
    finally:
        running.clear()
    assert running.remains() == []
