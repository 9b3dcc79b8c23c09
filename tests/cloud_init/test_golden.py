"""The user-data of every stack, as it was last looked at; --snapshot-update accepts a change."""

from __future__ import annotations

from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from sandbox_infra.cloudinit import render
from sandbox_infra.cloudinit.model import PLACEHOLDER
from sandbox_infra.config.parse import load
from sandbox_infra.plan.build import build_plan
from tests.support.stack_files import surroundings

STACKS = sorted(
    path.stem.removeprefix("Pulumi.")
    for path in (Path(__file__).parents[2] / "stacks").glob("Pulumi.*.yaml")
    if path.stem != "Pulumi.itest"
)


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("role", ["appliance", "sandbox"])
def test_user_data(stack: str, role: str, snapshot: SnapshotAssertion) -> None:
    file = Path(__file__).parents[2] / "stacks" / f"Pulumi.{stack}.yaml"
    plan = build_plan(load(file), surroundings())
    text = (
        render.appliance_user_data(plan)
        if role == "appliance"
        else render.sandbox_user_data(plan, PLACEHOLDER)
    )
    assert text == snapshot
