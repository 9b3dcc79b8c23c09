"""Reading YAML so that a mistake in it has a line, a column and a remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from sandbox_infra.errors import ConfigError, Problem


class _Loader(yaml.SafeLoader):
    """YAML's plain types only, and no key twice: the second one would silently win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                msg = f"the key {key.value!r} stands there twice"
                raise yaml.MarkedYAMLError(problem=msg, problem_mark=key.start_mark)
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else "")
        return super().construct_mapping(node, deep=deep)


def read_yaml(path: Path) -> object:
    """Read a YAML file.

    Raises:
        ConfigError: It is not there, not readable, or not YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as exc:
        raise _error(path, "does not exist", _others(path)) from exc
    except (OSError, UnicodeDecodeError) as exc:
        raise _error(path, f"cannot be read ({exc})", "save it as UTF-8 text") from exc
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - derived from the safe loader
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        what = exc.problem or exc.context or "not YAML"
        raise _error(path, f"{where}{what}", "mend the YAML at that place") from exc
    except (yaml.YAMLError, ValueError, RecursionError) as exc:
        what = " ".join(str(exc).split()) or "not YAML"
        raise _error(path, what, "mend the YAML") from exc


def _others(path: Path) -> str:
    prefix, _, rest = path.name.partition(".")
    stack = rest.removesuffix(".yaml")
    there = sorted(one.name.split(".")[1] for one in path.parent.glob(f"{prefix}.*.yaml"))
    known = f"; there are: {', '.join(there)}" if there else ""
    return f"write one with: sandbox config init {stack}{known}"


def _error(path: Path, message: str, remedy: str) -> ConfigError:
    problem = Problem(key=path.name, value="", message=message, remedy=remedy)
    return ConfigError([problem], source=f"{path.parent.name}/{path.name}")
