from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from sandbox_infra.image.sbom import bill

STATUS = """\
Package: openssh-server
Status: install ok installed
Architecture: amd64
Version: 1:9.2p1-2+deb12u7
Description: secure shell (SSH) server
 A description of several lines.

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 1.0

Package: libstdc++6
Status: install ok installed
Architecture: amd64
Version: 12.2.0-14
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "var/lib/dpkg").mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/status").write_text(STATUS)
    packages = tmp_path / "opt/lab/lib/python3.11/site-packages"
    for name, version in (("numpy", "2.4.6"), ("Prompt_Toolkit", "3.0.53")):
        folder = packages / f"{name}-{version}.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
    return tmp_path


def _bill(root: Path, recipe_hash: str = "a" * 64) -> dict[str, Any]:
    return bill("sandbox", recipe_hash, root, "2026-01-02T00:00:00+00:00")


def test_shape(root: Path) -> None:
    found = _bill(root)
    assert found["bomFormat"] == "CycloneDX"
    assert found["specVersion"] == "1.6"
    assert found["version"] == 1
    assert found["metadata"]["component"]["type"] == "operating-system"
    assert UUID(found["serialNumber"].removeprefix("urn:uuid:")).version == 5
    json.dumps(found)


def test_components_have_name_version_and_purl(root: Path) -> None:
    purls = {entry["purl"]: entry for entry in _bill(root)["components"]}
    assert sorted(purls) == [
        "pkg:deb/debian/libstdc%2B%2B6@12.2.0-14?arch=amd64&distro=debian-12",
        "pkg:deb/debian/openssh-server@1%3A9.2p1-2%2Bdeb12u7?arch=amd64&distro=debian-12",
        "pkg:pypi/numpy@2.4.6",
        "pkg:pypi/prompt-toolkit@3.0.53",
    ]
    for purl, entry in purls.items():
        assert entry["type"] == "library"
        assert entry["bom-ref"] == purl
        assert entry["name"]
        assert entry["version"]


def test_removed_packages_stay_out(root: Path) -> None:
    assert not any(entry["name"] == "gone" for entry in _bill(root)["components"])


def test_the_same_tree_gives_the_same_bill(root: Path) -> None:
    assert _bill(root) == _bill(root)


def test_another_package_gives_another_serial_number(root: Path) -> None:
    before = _bill(root)["serialNumber"]
    status = root / "var/lib/dpkg/status"
    status.write_text(status.read_text().replace("12.2.0-14", "12.2.0-15"))
    assert _bill(root)["serialNumber"] != before
