from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox_infra.errors import ImageError, ProcessError
from sandbox_infra.image import build as builder
from sandbox_infra.image import tree as module
from sandbox_infra.image.manifest import Manifest
from sandbox_infra.image.recipe import load_recipe
from sandbox_infra.image.tree import Tree
from sandbox_infra.process import Completed
from tests.unit.image.conftest import make_image


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)


@pytest.fixture
def tree(recipes: Path, tmp_path: Path) -> Tree:
    recipe = load_recipe("sandbox", recipes)
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    return Tree(recipe=recipe, root=root, cache=tmp_path / "cache", log=tmp_path / "log")


def _never(*_: object) -> None:
    pytest.fail("nothing may be built")


def test_unchanged_recipe_builds_nothing(
    recipes: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_image(home / "images", load_recipe("sandbox", recipes).digest)
    monkeypatch.setattr(builder, "_fill", _never)
    said: list[str] = []
    found = builder.build("sandbox", on_progress=said.append, recipes=recipes, home=home)
    assert found.name == "sandbox"
    assert said == ["sandbox: unchanged, built 2026-01-02 00:00"]


Spoil = Callable[[Path, Path], object]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _, recipes: (recipes / "sandbox" / "new").write_text("x"),
        lambda folder, _: (folder / "vmlinuz").unlink(),
        lambda folder, _: (folder / "manifest.json").write_text("{}"),
        lambda folder, _: (folder / "root.qcow2").write_text("half"),
    ],
    ids=["recipe changed", "file missing", "manifest damaged", "file cut"],
)
@pytest.mark.usefixtures("as_root")
def test_anything_else_builds(
    recipes: Path, home: Path, monkeypatch: pytest.MonkeyPatch, spoil: Spoil
) -> None:
    folder = make_image(home / "images", load_recipe("sandbox", recipes).digest)
    spoil(folder, recipes)
    _stand_in(monkeypatch)
    assert builder.build("sandbox", recipes=recipes, home=home).kernel == "new"


@pytest.mark.usefixtures("as_root")
def test_force_builds(recipes: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_image(home / "images", load_recipe("sandbox", recipes).digest)
    _stand_in(monkeypatch)
    assert builder.build("sandbox", force=True, recipes=recipes, home=home).kernel == "new"
    assert (home / "images" / "sandbox" / "fresh").exists()
    assert not (home / "images" / "sandbox" / "vmlinuz").exists()


def _stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    def pack(tree: Tree, target: Path, _: object) -> Manifest:
        old = make_image(tree.root.parent / "pattern")
        target.mkdir()
        (target / "fresh").touch()
        text = (old / "manifest.json").read_bytes()
        return Manifest.model_validate_json(text).model_copy(update={"kernel": "new"})

    monkeypatch.setattr(builder, "_fill", lambda *_: None)
    monkeypatch.setattr(builder, "_pack", pack)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ImageError("no"), OSError("full")])
@pytest.mark.usefixtures("as_root")
def test_a_build_that_ends_early_leaves_the_old_image_and_no_rest(
    recipes: Path, home: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    folder = make_image(home / "images")

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(builder, "_fill", fail)
    with pytest.raises(type(error)):
        builder.build("sandbox", recipes=recipes, home=home)
    assert (folder / "root.qcow2").exists()
    assert [path.name for path in (home / "build").iterdir()] == ["sandbox.lock"]


@pytest.mark.usefixtures("as_root")
def test_what_a_killed_build_left_is_cleared(
    recipes: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "build" / "sandbox-dead" / "root").mkdir(parents=True)
    _stand_in(monkeypatch)
    builder.build("sandbox", recipes=recipes, home=home)
    assert [path.name for path in (home / "build").iterdir()] == ["sandbox.lock"]


@pytest.mark.usefixtures("as_root")
def test_two_builds_at_once_are_refused(recipes: Path, home: Path) -> None:
    (home / "build").mkdir(parents=True)
    with (home / "build" / "sandbox.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ImageError, match="being built by somebody else"):
            builder.build("sandbox", recipes=recipes, home=home)


def test_only_root_builds(recipes: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ImageError, match="built as root"):
        builder.build("sandbox", recipes=recipes, home=home)


def test_overlay_copies_both_folders_with_plain_modes(tree: Tree, recipes: Path) -> None:
    tool = recipes / "common" / "rootfs" / "usr" / "tool"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o700)
    (recipes / "sandbox" / "rootfs" / "etc" / "link").symlink_to("sandbox.conf")
    (tree.root / "etc" / "common.conf").symlink_to("/dev/null")
    tree.overlay()
    tree.overlay()
    assert (tree.root / "etc" / "common.conf").read_text() == "common\n"
    assert (tree.root / "etc" / "link").readlink() == Path("sandbox.conf")
    assert (tree.root / "usr" / "tool").stat().st_mode & 0o777 == 0o755
    assert (tree.root / "etc" / "sandbox.conf").stat().st_mode & 0o777 == 0o644


def test_strip_never_follows_links_out_of_the_tree(tree: Tree, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    manuals = tree.root / "usr/share/man"
    (manuals / "man1").mkdir(parents=True)
    (manuals / "man1" / "ls.1").touch()
    (manuals / "away").symlink_to(outside)
    tree.strip()
    assert list(manuals.iterdir()) == []
    assert (outside / "kept").exists()


def test_newer_times_are_set_back_and_older_ones_kept(tree: Tree) -> None:
    old, new = tree.root / "old", tree.root / "new"
    for path, time in ((old, 100), (new, 5000)):
        path.touch()
        os.utime(path, (time, time))
    (tree.root / "link").symlink_to("/nowhere")
    tree.clamp_times(1000)
    assert old.stat().st_mtime == 100
    assert new.stat().st_mtime == 1000
    assert (tree.root / "link").lstat().st_mtime == 1000


def test_epoch_is_the_kernels(tree: Tree) -> None:
    assert tree.epoch() == 0
    kernel = tree.root / "boot" / "vmlinuz-6.1.0"
    kernel.parent.mkdir()
    kernel.touch()
    os.utime(kernel, (4711, 4711))
    assert tree.epoch() == 4711


def test_process_errors_reach_the_user_unchanged(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = Completed(code=9, stdout="", stderr="no space left")
    monkeypatch.setattr(module, "run", lambda *_, **__: failed)
    with pytest.raises(ProcessError, match="no space left"):
        tree.chroot("true")
    assert "no space left" in tree.log.read_text()
    tree.chroot("true", check=False)
