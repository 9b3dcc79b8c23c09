"""Checks user-data against cloud-init's own schema, before any guest sees it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import yaml

from sandbox_infra.errors import CheckError, Problem, ToolError


def validate(user_data: str, schema: Path) -> None:
    """Check user-data as cloud-init would, and stop at the plan rather than in the guest.

    Args:
        user_data: Text that begins with ``#cloud-config``.
        schema: cloud-init's schema-cloud-config-v1.json.

    Raises:
        CheckError: Everything that is wrong, with the line it stands in.
        ToolError: The schema cannot be read.
    """
    if not user_data.startswith("#cloud-config\n"):
        problem = Problem(
            key="user-data",
            value=user_data.partition("\n")[0],
            message="the first line is not #cloud-config",
            remedy="begin it with that line",
        )
        raise CheckError([problem])
    document = yaml.load(user_data, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    errors = list(_validator(schema).iter_errors(document))
    if errors:
        raise CheckError([_problem(error, user_data) for error in errors])


@cache
def _validator(schema: Path) -> Any:  # noqa: ANN401 - one of several classes by draft
    try:
        return jsonschema_rs.validator_for(json.loads(schema.read_text()))
    except (OSError, ValueError) as exc:
        msg = f"cloud-init's schema {str(schema)!r} cannot be read: {exc}; run scripts/install"
        raise ToolError(msg) from exc


def _problem(error: Any, user_data: str) -> Problem:  # noqa: ANN401 - jsonschema_rs has no types
    path = list(error.instance_path)
    line = _line_of(user_data, path)
    marked = user_data.splitlines()[line - 1].strip()
    return Problem(
        key="user-data " + ".".join(map(str, path)),
        value=f"line {line}: {marked}",
        message=_short(error.message),
        remedy="mend the template in cloud-init/ that writes it",
    )


def _short(message: str, limit: int = 200) -> str:
    return message if len(message) <= limit else f"{message[:limit]}..."


def _line_of(user_data: str, path: list[str | int]) -> int:
    """Line at which the node at a path begins, counted from one."""
    node = yaml.compose(user_data)
    for part in path:
        if isinstance(node, yaml.MappingNode):
            node = next((value for key, value in node.value if key.value == str(part)), node)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part]
    return int(node.start_mark.line) + 1 if node else 1
