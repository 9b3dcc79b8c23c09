"""The JSON Schema of stack files: for editors, and generated, never written by hand."""

from __future__ import annotations

import json
from typing import Any, Final

import yaml

from sandbox_infra.config.models import StackFile
from sandbox_infra.config.parse import KEY, PULUMI_KEYS
from sandbox_infra.types import format_duration, format_size, parse_duration

FILE: Final = "schema.json"
MODELINE: Final = f"# yaml-language-server: $schema={FILE}"
"""First line of every stack file: editors find the schema by it."""

_SIZE_BOUNDS: Final = ("minimum", "maximum")


def schema() -> dict[str, Any]:
    """The schema of a whole stacks/Pulumi.<stack>.yaml."""
    inner = StackFile.model_json_schema()
    definitions = {name: _tidy(one) for name, one in inner.pop("$defs").items()}
    pulumi = {key: {"description": "Kept by Pulumi."} for key in sorted(PULUMI_KEYS - {"config"})}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "sandbox-infra stack file",
        "type": "object",
        "required": ["config"],
        "additionalProperties": False,
        "properties": {
            "config": {"type": "object", "required": [KEY], "properties": {KEY: _tidy(inner)}},
            **pulumi,
        },
        "$defs": definitions,
    }


def text() -> str:
    """The schema as the text of stacks/schema.json."""
    return json.dumps(schema(), indent=2) + "\n"


def _tidy(section: dict[str, Any]) -> dict[str, Any]:
    """Write defaults, bounds and examples in the form that stands in a stack file."""
    section.pop("title", None)
    for name, field in section.get("properties", {}).items():
        field.pop("title", None)
        if "examples" in field:
            field["examples"] = [_value(example) for example in field["examples"]]
        if "GiB" in field.get("pattern", ""):
            for bound in _SIZE_BOUNDS:
                field.pop(bound, None)
            if isinstance(field.get("default"), int):
                field["default"] = format_size(field["default"])
        if name == "ready_timeout":
            field["default"] = format_duration(parse_duration(field["default"]))
        if name in {"appliance", "data_volumes"}:
            field.pop("default", None)
    return section


def _value(example: object) -> object:
    return yaml.safe_load(example) if isinstance(example, str) else example
