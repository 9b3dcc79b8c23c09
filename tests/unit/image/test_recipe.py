from __future__ import annotations

import shutil
import string
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_infra.errors import ImageError
from sandbox_infra.image.recipe import digest, load_recipe

NAMES = st.text(string.ascii_lowercase, min_size=1, max_size=8)
TREES = st.dictionaries(NAMES, st.binary(max_size=64), min_size=1, max_size=5)


def test_common_and_own_parts_are_put_together(recipes: Path) -> None:
    recipe = load_recipe("sandbox", recipes)
    assert recipe.packages == ("less", "openssh-server", "sudo")
    assert recipe.masked == ("getty.target",)
    assert recipe.size_mib == 2048
    assert recipe.suite == "bookworm"
    assert [folder.name for folder in recipe.folders] == ["common", "sandbox"]


def test_the_projects_own_recipes_are_right() -> None:
    recipe = load_recipe("sandbox", Path(__file__).parents[3] / "images")
    assert recipe.python == "/opt/lab"
    assert "linux-image-cloud-amd64" in recipe.packages
    assert "lab-cloud-init.service" in recipe.enabled
    assert not set(recipe.masked) & set(recipe.enabled)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("size: 2GiB\npackags: [less]\n", ("packags", "extra inputs", "known keys: enabled")),
        ("packages: [less]\n", ("size", "field required")),
        ("size: 2\n2: x\n:", ("is not YAML", "mend the line")),
        ("size: 10 apples\n", ("size", "10 apples", "expected a size with a unit")),
        ("size: 2GiB\nstrip: [usr/share]\n", ("strip.0", "expected an absolute path")),
        ("size: 2GiB\nstrip: [/usr/../etc]\n", ("strip.0", "without '..'")),
        ("- size\n", ("the file", "correct them")),
    ],
)
def test_wrong_recipe_is_refused(recipes: Path, text: str, words: tuple[str, ...]) -> None:
    (recipes / "sandbox" / "recipe.yaml").write_text(text)
    with pytest.raises(ImageError) as caught:
        load_recipe("sandbox", recipes)
    for word in words:
        assert word in str(caught.value)


def test_every_problem_is_told_at_once(recipes: Path) -> None:
    (recipes / "sandbox" / "recipe.yaml").write_text("size: none\ncolour: red\n")
    with pytest.raises(ImageError, match="size") as caught:
        load_recipe("sandbox", recipes)
    assert "colour" in str(caught.value)


def test_missing_recipe_names_the_file(recipes: Path) -> None:
    with pytest.raises(ImageError, match=r"appliance/recipe.yaml is missing; restore it"):
        load_recipe("appliance", recipes)


def test_python_without_a_lock_file_is_refused(recipes: Path) -> None:
    (recipes / "sandbox" / "requirements.lock").unlink()
    with pytest.raises(ImageError, match=r"requirements.lock is missing.*uv pip compile"):
        load_recipe("sandbox", recipes)


def test_no_python_needs_no_lock_file(recipes: Path) -> None:
    (recipes / "sandbox" / "requirements.lock").unlink()
    (recipes / "sandbox" / "recipe.yaml").write_text("size: 1GiB\n")
    assert load_recipe("sandbox", recipes).python is None


def _write(folder: Path, tree: dict[str, bytes]) -> tuple[Path, ...]:
    folder.mkdir()
    for name, content in tree.items():
        (folder / name).write_bytes(content)
    return (folder,)


@given(tree=TREES)
def test_hash_is_stable(tree: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        backwards = dict(reversed(tree.items()))
        first = digest(_write(Path(one) / "role", tree))
        assert first == digest(_write(Path(two) / "role", backwards))


@given(tree=TREES, name=NAMES, content=st.binary(max_size=64))
def test_hash_changes_with_any_file(tree: dict[str, bytes], name: str, content: bytes) -> None:
    changed = tree | {name: content}
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        before = digest(_write(Path(one) / "role", tree))
        after = digest(_write(Path(two) / "role", changed))
    assert (before == after) is (changed == tree)


def test_hash_depends_on_the_common_part(recipes: Path) -> None:
    before = load_recipe("sandbox", recipes).digest
    (recipes / "common" / "rootfs" / "etc" / "common.conf").write_text("other\n")
    assert load_recipe("sandbox", recipes).digest != before


def test_hash_depends_on_the_executable_bit_only(recipes: Path) -> None:
    path = recipes / "common" / "rootfs" / "etc" / "common.conf"
    path.chmod(0o644)
    before = load_recipe("sandbox", recipes).digest
    path.chmod(0o600)
    assert load_recipe("sandbox", recipes).digest == before
    path.chmod(0o755)
    assert load_recipe("sandbox", recipes).digest != before


def test_hash_depends_on_link_targets(recipes: Path) -> None:
    link = recipes / "common" / "rootfs" / "etc" / "link"
    link.symlink_to("common.conf")
    before = load_recipe("sandbox", recipes).digest
    link.unlink()
    link.symlink_to("sandbox.conf")
    assert load_recipe("sandbox", recipes).digest != before


def test_hash_does_not_depend_on_the_place(recipes: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(recipes, tmp_path / "elsewhere", symlinks=True)
    assert load_recipe("sandbox", recipes).digest == load_recipe("sandbox", moved).digest


def test_hash_of_one_role_does_not_depend_on_another(recipes: Path) -> None:
    before = load_recipe("sandbox", recipes).digest
    (recipes / "appliance").mkdir()
    (recipes / "appliance" / "recipe.yaml").write_text("size: 1GiB\n")
    assert load_recipe("sandbox", recipes).digest == before
