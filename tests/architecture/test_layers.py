"""The layers of the design, enforced."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest
from importlinter.application.use_cases import lint_imports
from importlinter.configuration import configure

PACKAGE = Path(__file__).parents[2] / "sandbox_infra"
DOORS = {
    "libvirt": ("hypervisor",),
    "paramiko": ("guest/ssh.py",),
    "hvac": ("appliance",),
    "subprocess": ("process.py",),
    "pulumi": ("components", "program.py", "lifecycle/stacks.py"),
    "pulumi_libvirt": ("components",),
}


def test_imports_point_one_way() -> None:
    configure()
    assert lint_imports(config_filename=str(PACKAGE.parent / "pyproject.toml"), cache_dir=None)


def imported(path: Path) -> set[str]:
    """Top-level packages that a module imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize("package", sorted(DOORS))
def test_each_dangerous_package_has_one_door(package: str) -> None:
    allowed = DOORS[package]
    others = [
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if package in imported(path) and not str(path.relative_to(PACKAGE)).startswith(allowed)
    ]
    assert others == []


def test_the_door_finder_sees_imports_inside_functions(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text("def f():\n    import libvirt.sub\n    from paramiko.x import y\n")
    assert imported(module) == {"libvirt", "paramiko"}


def test_main_is_three_lines() -> None:
    text = (PACKAGE.parent / "__main__.py").read_text()
    assert ast.unparse(ast.parse(text)).count("\n") <= 3
    assert "sandbox_infra.program" in text


def test_modules_stay_readable() -> None:
    long = {
        str(path.relative_to(PACKAGE)): lines
        for path in PACKAGE.rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > 330
    }
    assert long == {}, long


def test_runs_on_the_python_of_debian_12() -> None:
    assert sys.version_info[:2] >= (3, 11)
