from __future__ import annotations

from pathlib import Path

import pytest

from sandbox_infra.errors import ImageError
from sandbox_infra.image.sources import apt_sources

DEB822 = """\
# the distribution
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian.gpg

Types: deb
URIs: http://mirror.example/security
Suites: bookworm-security
Components: main
"""
ONE_LINE = """\
# deb http://off.example/debian bookworm main
deb http://mirror.example/debian bookworm main contrib # the distribution
deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/security bookworm-security main
deb-src http://mirror.example/debian bookworm main
deb http://tools.example/apt stable main
"""


@pytest.fixture
def apt(tmp_path: Path) -> Path:
    (tmp_path / "sources.list.d").mkdir()
    return tmp_path


def test_deb822_sources(apt: Path) -> None:
    (apt / "sources.list.d" / "debian.sources").write_text(DEB822)
    signed = "[signed-by=/usr/share/keyrings/debian.gpg] "
    assert apt_sources("bookworm", apt) == (
        f"deb {signed}http://mirror.example/debian bookworm main",
        f"deb {signed}http://mirror.example/debian bookworm-updates main",
        "deb http://mirror.example/security bookworm-security main",
    )


def test_one_line_sources(apt: Path) -> None:
    (apt / "sources.list").write_text(ONE_LINE)
    assert apt_sources("bookworm", apt) == (
        "deb [signed-by=/k.gpg] http://mirror.example/security bookworm-security main",
        "deb http://mirror.example/debian bookworm main",
    )


def test_sources_of_others_stay_out(apt: Path) -> None:
    (apt / "sources.list").write_text(ONE_LINE)
    assert not any("tools.example" in entry for entry in apt_sources("bookworm", apt))


def test_disabled_sources_stay_out(apt: Path) -> None:
    (apt / "sources.list").write_text(ONE_LINE)
    disabled = DEB822.replace("Types: deb deb-src", "Enabled: no\nTypes: deb")
    (apt / "sources.list.d" / "debian.sources").write_text(disabled)
    assert not any("updates" in entry for entry in apt_sources("bookworm", apt))


def test_a_machine_of_another_release_is_refused(apt: Path) -> None:
    (apt / "sources.list").write_text(ONE_LINE)
    with pytest.raises(ImageError, match=r"no apt source for 'trixie'.*add one to"):
        apt_sources("trixie", apt)


def test_no_security_updates_is_refused(apt: Path) -> None:
    (apt / "sources.list").write_text("deb http://mirror.example/debian bookworm main\n")
    with pytest.raises(ImageError, match="no apt source for 'bookworm-security'"):
        apt_sources("bookworm", apt)
