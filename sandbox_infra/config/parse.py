"""From YAML to the typed stack file, with every problem at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from sandbox_infra.config.explain import dotted, explain, show
from sandbox_infra.config.models import StackFile
from sandbox_infra.config.rules import findings
from sandbox_infra.config.yaml_file import read_yaml
from sandbox_infra.errors import ConfigError, Problem

KEY: Final = "sandbox-infra:sandbox"
PULUMI_KEYS: Final = frozenset(
    {"config", "encryptionsalt", "encryptedkey", "environment", "secretsprovider"}
)
"""What Pulumi itself keeps in a stack file."""


def parse(raw: object, *, source: str) -> StackFile:
    """Check the structure under ``sandbox-infra:sandbox`` and make it a stack file.

    Args:
        raw: Whatever stands there.
        source: Where it comes from, for messages.

    Raises:
        ConfigError: Something is wrong; every problem is listed.
    """
    if not isinstance(raw, Mapping):
        raise ConfigError([_no_mapping(KEY, raw)], source=source)
    problems: list[Problem] = []
    parsed: StackFile | None = None
    try:
        parsed = StackFile.model_validate(dict(raw))
    except ValidationError as exc:
        problems.extend(explain(exc, raw))
    problems.extend(findings(raw))
    if problems or parsed is None:
        raise ConfigError(problems, source=source)
    return parsed


def load(path: Path) -> StackFile:
    """Read a stack's file, stacks/Pulumi.<stack>.yaml.

    Raises:
        ConfigError: It is missing, not YAML, or says something wrong.
    """
    source = f"{path.parent.name}/{path.name}"
    whole = read_yaml(path)
    if not isinstance(whole, Mapping):
        raise ConfigError([_no_mapping(path.name, whole)], source=source)
    unknown = [
        Problem(
            key=dotted((str(key),)),
            value="",
            message="is not a key of a Pulumi stack file",
            remedy=f"move it under config, {KEY}",
        )
        for key in whole
        if key not in PULUMI_KEYS
    ]
    config = whole.get("config")
    if not isinstance(config, Mapping) or KEY not in config:
        missing = Problem(
            key=f"config.{KEY}",
            value="",
            message="is missing",
            remedy="put the project's settings there; sandbox config init writes an example",
        )
        raise ConfigError([*unknown, missing], source=source)
    try:
        parsed = parse(config[KEY], source=source)
    except ConfigError as exc:
        raise ConfigError([*unknown, *exc.problems], source=source) from exc
    if unknown:
        raise ConfigError(unknown, source=source)
    return parsed


def _no_mapping(key: str, value: object) -> Problem:
    return Problem(
        key=key,
        value=show(value) if value is not None else "",
        message="expected a mapping of keys to values",
        remedy="write `project: demo` and so on; sandbox config init writes an example",
    )
