"""Fragments: what is joined, and what two of them may not claim."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from sandbox_infra.cloudinit import render
from sandbox_infra.errors import ToolError
from sandbox_infra.plan.build import build_plan
from tests.support.stack_files import stack_file, surroundings


@pytest.fixture(name="templates")
def fixture_templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of templates in place of the project's."""
    for folder in ("common", "appliance", "sandbox"):
        (tmp_path / folder).mkdir()
    monkeypatch.setattr(render, "_TEMPLATES", tmp_path)
    render._environment.cache_clear()
    yield tmp_path
    render._environment.cache_clear()


def rendered() -> str:
    return render.appliance_user_data(build_plan(stack_file(), surroundings()))


def test_lists_are_joined_in_the_order_of_names(templates: Path) -> None:
    (templates / "common" / "b.yaml.j2").write_text("runcmd: [[second]]\n")
    (templates / "common" / "a.yaml.j2").write_text("runcmd: [[first]]\n")
    (templates / "appliance" / "a.yaml.j2").write_text("runcmd: [[third]]\n")
    (templates / "sandbox" / "a.yaml.j2").write_text("runcmd: [[never]]\n")
    assert yaml.safe_load(rendered()) == {"runcmd": [["first"], ["second"], ["third"]]}


@pytest.mark.parametrize(
    ("second", "complaint"),
    [
        ("hostname: b\n", "sets 'hostname', which another fragment has set"),
        ("write_files: [{path: /a, content: b}]\n", "writes '/a', which another fragment writes"),
        ("fqdn: {{ nobody_says }}\n", "'nobody_says' is undefined"),
        ("fqdn: {{ identity.nothing }}\n", "has no attribute 'nothing'"),
        ("fqdn: {% if %}\n", "cannot be rendered"),
        ("fqdn: [\n", "cannot be rendered"),
        ("- fqdn\n", "is no mapping"),
        ("", "is no mapping"),
    ],
)
def test_refused(templates: Path, second: str, complaint: str) -> None:
    first = "hostname: a\nwrite_files: [{path: /a, content: a}]\n"
    (templates / "common" / "a.yaml.j2").write_text(first)
    (templates / "common" / "b.yaml.j2").write_text(second)
    with pytest.raises(ToolError, match=r"b\.yaml\.j2") as caught:
        rendered()
    assert complaint in str(caught.value)


def test_a_changed_template_is_another_digest(templates: Path) -> None:
    (templates / "common" / "a.yaml.j2").write_text("hostname: a\n")
    plan = build_plan(stack_file(), surroundings())
    before = render.template_digest("appliance", plan)
    render._environment.cache_clear()
    (templates / "common" / "a.yaml.j2").write_text("hostname: b\n")
    assert render.template_digest("appliance", plan) != before
