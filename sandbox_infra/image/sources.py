"""The machine's own apt sources for a Debian release: the builder names no host itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from sandbox_infra.errors import ImageError

APT: Final = Path("/etc/apt")
_ONE_LINE: Final = re.compile(r"deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<rest>\S.*)")


def apt_sources(suite: str, folder: Path = APT) -> tuple[str, ...]:
    """Collect the machine's sources of ``suite``, its updates and its security updates.

    Returns:
        One-line entries (``deb [signed-by=...] URI SUITE COMPONENTS``), sorted.

    Raises:
        ImageError: The machine has none for the release or none for its security updates.
    """
    wanted = (suite, f"{suite}-updates", f"{suite}-security")
    found = tuple(sorted({*_one_line(folder, wanted), *_deb822(folder, wanted)}))
    for needed in (suite, f"{suite}-security"):
        if not any(f" {needed} " in entry for entry in found):
            msg = (
                f"this machine has no apt source for {needed!r}, so no image can be built; add "
                f"one to {folder / 'sources.list.d'}"
            )
            raise ImageError(msg)
    return found


def _one_line(folder: Path, wanted: tuple[str, ...]) -> Iterator[str]:
    for path in (folder / "sources.list", *sorted(folder.glob("sources.list.d/*.list"))):
        for line in _lines(path):
            match = _ONE_LINE.fullmatch(line.split("#")[0].strip())
            if match is None:
                continue
            uri, _, rest = match["rest"].partition(" ")
            suite, _, components = rest.strip().partition(" ")
            if suite in wanted:
                options = dict(part.split("=", 1) for part in (match["options"] or "").split())
                yield _entry(uri, suite, components.split(), options.get("signed-by"))


def _deb822(folder: Path, wanted: tuple[str, ...]) -> Iterator[str]:
    for path in sorted(folder.glob("sources.list.d/*.sources")):
        for stanza in re.split(r"\n\s*\n", "\n".join(_lines(path))):
            fields = _fields(stanza)
            if (
                fields.get("enabled", "yes") == "no"
                or "deb" not in fields.get("types", "").split()
            ):
                continue
            for uri in fields.get("uris", "").split():
                for suite in fields.get("suites", "").split():
                    if suite in wanted:
                        signed_by = fields.get("signed-by")
                        yield _entry(uri, suite, fields.get("components", "").split(), signed_by)


def _fields(stanza: str) -> dict[str, str]:
    lines = [line for line in stanza.splitlines() if not line.startswith("#")]
    pairs = (line.split(":", 1) for line in lines if ":" in line and not line[:1].isspace())
    return {key.strip().lower(): value.strip() for key, value in pairs}


def _entry(uri: str, suite: str, components: Iterable[str], signed_by: str | None) -> str:
    # A key written into the source itself is left to the machine's trusted keyrings.
    option = f"[signed-by={signed_by}] " if signed_by and signed_by.startswith("/") else ""
    # Only the free part of Debian goes into an image.
    main = " ".join(part for part in components if part == "main") or "main"
    return f"deb {option}{uri} {suite} {main}"


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
