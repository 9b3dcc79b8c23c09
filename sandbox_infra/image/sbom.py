"""The bill of materials of an image: CycloneDX 1.6 over its Debian and Python packages."""

from __future__ import annotations

from collections.abc import Iterator
from email.parser import HeaderParser
from pathlib import Path
from urllib.parse import quote
from uuid import UUID, uuid5

from sandbox_infra.types import Role

Component = dict[str, str]
_NAMESPACE = UUID("0d5a1a52-4a5d-5b27-9f5e-3b8a8c0f6f11")


def bill(role: Role, recipe_hash: str, root: Path, timestamp: str) -> dict[str, object]:
    """List every package in the file tree under ``root``."""
    components = sorted((*_debian(root), *_python(root)), key=lambda component: component["purl"])
    purls = "\n".join(component["purl"] for component in components)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid5(_NAMESPACE, recipe_hash + purls)}",
        "version": 1,
        "metadata": {
            "timestamp": timestamp,
            "component": {
                "type": "operating-system",
                "bom-ref": f"image-{role}",
                "name": f"sandbox-infra-{role}",
                "version": recipe_hash[:16],
            },
        },
        "components": components,
    }


def _debian(root: Path) -> Iterator[Component]:
    status = (root / "var/lib/dpkg/status").read_text(encoding="utf-8")
    for stanza in status.strip().split("\n\n"):
        fields = HeaderParser().parsestr(stanza)
        if not fields["Status"].endswith(" installed"):
            continue
        name, version, arch = fields["Package"], fields["Version"], fields["Architecture"]
        distro = "debian-12"
        yield _component(
            name,
            version,
            f"pkg:deb/debian/{quote(name)}@{quote(version)}?arch={arch}&distro={distro}",
        )


def _python(root: Path) -> Iterator[Component]:
    # Debian's own Python packages are in the other list already.
    for metadata in root.glob("opt/*/lib/python3*/site-packages/*.dist-info/METADATA"):
        fields = HeaderParser().parsestr(metadata.read_text(encoding="utf-8"))
        name, version = fields["Name"], fields["Version"]
        yield _component(name, version, f"pkg:pypi/{name.lower().replace('_', '-')}@{version}")


def _component(name: str, version: str, purl: str) -> Component:
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
    }
