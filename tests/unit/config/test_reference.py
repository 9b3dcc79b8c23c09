"""The written reference fits the models."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox_infra.config.rules import LONGEST_TTL
from sandbox_infra.types import format_duration
from tests.support.reference import tables
from tests.unit.test_errors import every_error

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"


def test_the_tables_are_those_of_the_models() -> None:
    assert tables() in (REFERENCE / "stack-file.md").read_text(), tables()


def test_the_bounds_are_those_of_the_rules() -> None:
    text = (REFERENCE / "stack-file.md").read_text()
    for data_class, longest in LONGEST_TTL.items():
        assert f"| {data_class} | {format_duration(longest)} |" in text


@pytest.mark.parametrize("error", [one for one in every_error() if one.exit_code > 1])
def test_exit_codes_are_those_of_the_errors(error: type) -> None:
    if error.__name__.startswith("_"):
        return
    rows = (REFERENCE / "exit-codes.md").read_text().splitlines()
    row = next(line for line in rows if f"`{error.__name__}`" in line)
    assert row.startswith(f"| {vars(error).get('exit_code', error.exit_code)} |")  # type: ignore[attr-defined]
