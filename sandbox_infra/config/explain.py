"""What pydantic found wrong, in the words of people who write stack files."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, get_args

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from sandbox_infra.config.models import Section, StackFile
from sandbox_infra.errors import Problem
from sandbox_infra.secret import MASK
from sandbox_infra.types import format_size

Location = tuple[int | str, ...]

_SHOWN: Final = 60
_SECRET_NAME: Final = re.compile(r"(?i)pass|secret|token|credential|private|api_?key|secure")
_SECRET_VALUE: Final = re.compile(r"-----BEGIN|\bhv[sbr]\.|\bs\.\w{20}|AGE-SECRET|\bAKIA\w{8}")

# Messages by pydantic's error type; braces are filled from the error's context.
_MESSAGES: Final = {
    "missing": "is missing",
    "extra_forbidden": "is not a key of the stack file",
    "invalid_key": "is not a text, so it is no key of the stack file",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "int_parsing_size": "is larger than anything makes sense",
    "finite_number": "expected a whole number",
    "string_type": "expected a text",
    "string_sub_type": "expected a text",
    "enum": "expected one of {expected}",
    "literal_error": "expected one of {expected}",
    "greater_than_equal": "is too small, expected at least {ge}",
    "less_than_equal": "is too large, expected at most {le}",
    "too_short": "has too few entries, expected at least {min_length}",
    "too_long": "has too many entries, expected at most {max_length}",
    "string_too_short": "is too short, expected at least {min_length} characters",
    "string_too_long": "is too long, expected at most {max_length} characters",
    "string_pattern_mismatch": "does not have the expected form",
    "tuple_type": "expected a list",
    "dict_type": "expected a mapping of keys to values",
    "model_type": "expected a mapping of keys to values",
    "model_attributes_type": "expected a mapping of keys to values",
}


def explain(error: ValidationError, raw: Mapping[str, Any]) -> Iterator[Problem]:
    """Turn every finding of pydantic about a structure into a problem with a remedy."""
    everything = error.errors(include_url=False)
    broken = {found["loc"][:-1] for found in everything if found["loc"]}
    for found in everything:
        # A list whose entries are wrong counts as empty: that is not a second mistake.
        if found["type"] == "too_short" and any(
            inner[: len(found["loc"])] == found["loc"] for inner in broken
        ):
            continue
        yield _problem(found, raw)


def dotted(location: Sequence[int | str]) -> str:
    """A location as people write it: ``users[0].ssh_keys[1]``."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{_one_line(part)}"
    return text.removeprefix(".")


def show(value: object, key: str = "") -> str:
    """A value for a message: short, on one line, and masked when it may be a secret."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple | set):
        return f"a list of {len(value)}"
    text = value if isinstance(value, str) else repr(value)
    if _SECRET_NAME.search(key) or _SECRET_VALUE.search(text):
        return MASK
    line = _one_line(text)
    return f"{line[:_SHOWN]}..." if len(line) > _SHOWN else line or "''"


def _one_line(text: str) -> str:
    """Text that cannot move a terminal's cursor, whatever stands in the file."""
    return "".join(char if char.isprintable() else "?" for char in " ".join(text.split()))


def _problem(found: ErrorDetails, raw: Mapping[str, Any]) -> Problem:
    location, kind = _without_key_marks(found["loc"]), found["type"]
    value = _written(raw, location, found["input"])
    return Problem(
        key=dotted(location) or "sandbox",
        value="" if kind == "missing" else show(value, str(location[-1]) if location else ""),
        message=_message(found, value),
        remedy=_remedy(location, kind),
    )


def _without_key_marks(location: Location) -> Location:
    return tuple(part for part in location if part != "[key]")


def _written(raw: object, location: Location, otherwise: object) -> object:
    """What stands in the file: a finding may hold a value that was converted already."""
    for part in location:
        try:
            raw = raw[part]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            return otherwise
    return raw


def _message(found: ErrorDetails, value: object) -> str:
    context = dict(found.get("ctx", {}))
    if isinstance(value, str) and value.rstrip().endswith("iB"):
        context |= {key: format_size(context[key]) for key in ("ge", "le") if key in context}
    if found["type"] == "value_error":
        return str(context["error"])
    template = _MESSAGES.get(found["type"])
    if template is None:
        return found["msg"][:1].lower() + found["msg"][1:]
    return template.format_map({**context, "expected": context.get("expected", "")})


def _remedy(location: Location, kind: str) -> str:
    if kind in {"extra_forbidden", "invalid_key"}:
        return _unknown_key(location)
    example = _example(location)
    if kind == "missing":
        return f"add it, such as {example}" if example else "add it"
    return f"write it like {example}" if example else "see docs/reference/stack-file.md"


def _unknown_key(location: Location) -> str:
    known = list(_section(location[:-1]).model_fields)
    close = difflib.get_close_matches(str(location[-1]), known, n=1) if location else []
    if close:
        return f"did you mean {close[0]!r}?"
    return f"remove it; known here: {', '.join(known)}"


def _example(location: Location) -> str:
    names = [part for part in location if isinstance(part, str)]
    field = _field(location)
    if field is None or not field.examples:
        return ""
    return f"`{names[-1]}: {field.examples[0]}`"


def _section(location: Location) -> type[Section]:
    """The section that a location leads into."""
    section: type[Section] = StackFile
    for part in location:
        if isinstance(part, str) and part in section.model_fields:
            section = _inner(section.model_fields[part].annotation) or section
    return section


def _field(location: Location) -> FieldInfo | None:
    names = [position for position, part in enumerate(location) if isinstance(part, str)]
    if not names:
        return None
    last = location[names[-1]]
    return _section(location[: names[-1]]).model_fields.get(str(last))


def _inner(annotation: Any) -> type[Section] | None:  # noqa: ANN401 - any annotation at all
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next(filter(None, map(_inner, get_args(annotation))), None)
