"""The reference of the stack file's keys, as Markdown tables made from the models.

``python -m tests.support.reference`` prints them for docs/reference/stack-file.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sandbox_infra.config.parse import KEY
from sandbox_infra.config.schema import schema

TITLES = {
    "DataVolume": "data_volumes[]",
    "Network": "network",
    "EgressRule": "network.egress[]",
    "User": "users[]",
    "Appliance": "appliance",
}


def tables() -> str:
    """One table a section, the outermost first."""
    whole = schema()
    definitions = whole["$defs"]
    outer = whole["properties"]["config"]["properties"][KEY]
    lines = [*_table("Top level", outer, definitions)]
    for name, title in TITLES.items():
        lines += ["", *_table(f"`{title}`", definitions[name], definitions)]
    return "\n".join(lines)


def _table(title: str, section: dict[str, Any], definitions: dict[str, Any]) -> Iterator[str]:
    yield f"### {title}"
    yield ""
    yield "| key | form | default | meaning |"
    yield "|---|---|---|---|"
    required = section.get("required", ())
    for name, field in section["properties"].items():
        default = "required" if name in required else _default(field)
        meaning = field["description"]
        yield f"| `{name}` | {_form(field, definitions)} | {default} | {meaning} |"


def _default(field: dict[str, Any]) -> str:
    value = field.get("default")
    if field["description"].startswith("Encrypted data volumes"):
        return "one, `home` of 2GiB on `/home`"
    if value in (None, {}):
        return "see below" if "$ref" in field or "items" in field else "none"
    if isinstance(value, list):
        return f"`[{', '.join(map(str, value))}]`"
    return f"`{value}`"


def _form(field: dict[str, Any], definitions: dict[str, Any]) -> str:
    if "$ref" in field:
        inner = definitions[field["$ref"].rpartition("/")[2]]
        return _choices(inner["enum"]) if "enum" in inner else "section"
    if "enum" in field:
        return _choices(field["enum"])
    if field["type"] == "integer":
        bounds = [
            f"{word} {field[key]}"
            for word, key in (("from", "minimum"), ("to", "maximum"))
            if key in field
        ]
        return " ".join(["number", *bounds])
    pattern = field.get("pattern", "")
    if field["type"] == "string" and ("GiB" in pattern or pattern.endswith("|^P")):
        return "size" if "GiB" in pattern else "duration"
    return {"object": "mapping of texts", "array": "list"}.get(field["type"], "text")


def _choices(values: list[str]) -> str:
    return ", ".join(f"`{value}`" for value in values)


if __name__ == "__main__":
    print(tables())
