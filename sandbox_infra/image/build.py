"""Build a golden image: Debian packages, the recipe's files and Python, in one ext4 disk."""

from __future__ import annotations

import fcntl
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import UUID, uuid5

from sandbox_infra.errors import ImageError
from sandbox_infra.image import manifest as manifests
from sandbox_infra.image import store
from sandbox_infra.image.initrd import write_initrd
from sandbox_infra.image.manifest import INITRD, KERNEL, PARTS, ROOT, SBOM, Manifest
from sandbox_infra.image.recipe import Recipe, load_recipe
from sandbox_infra.image.sbom import bill
from sandbox_infra.image.tree import Tree, require_root
from sandbox_infra.process import run
from sandbox_infra.site import Site
from sandbox_infra.types import Role

Progress = Callable[[str], None]
_MIB: Final = 1024 * 1024
_NAMESPACE: Final = UUID("8a0b9c1e-7d24-5f0a-8d4c-1f6f0f4f7a52")


def build(
    role: Role,
    force: bool = False,  # noqa: FBT001, FBT002 - the console's own word
    on_progress: Progress = lambda _: None,
    *,
    recipes: Path | None = None,
    home: Path | None = None,
) -> Manifest:
    """Build the image of ``role`` unless it is there and its recipe has not changed.

    Args:
        role: Which image.
        force: Build in any case, for example to take in Debian's security updates.
        on_progress: Told what begins, one short line a step.
        recipes: The folder with the recipes instead of the project's own.
        home: The project's folder instead of the site's own.

    Raises:
        ImageError: The recipe is wrong, or something else stands in the way.
        ToolError: A program is missing or failed; its last words are in the message.
    """
    home = home or Site.locate().home
    recipe = load_recipe(role, recipes or Site.locate().recipes)
    present = None if force else _present(recipe, home / "images")
    if present is not None:
        on_progress(f"{role}: unchanged, built {present.built_at:%Y-%m-%d %H:%M}")
        return present
    require_root()
    with _workplace(role, home / "build") as work:
        log = home / "log" / f"image-{role}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("", encoding="utf-8")
        tree = Tree(recipe=recipe, root=work / "root", cache=home / "cache", log=log)
        _fill(tree, on_progress)
        manifest = _pack(tree, work / "image", on_progress)
        _publish(work, home / "images" / role)
    on_progress(f"{role}: built, {manifest.files[ROOT].size / _MIB:.0f} MiB")
    return manifest


def _present(recipe: Recipe, images: Path) -> Manifest | None:
    try:
        _, folder = store.load(recipe.role, images)
    except ImageError:
        return None
    manifest = manifests.read(folder, recipe.role)
    return manifest if manifest.recipe_hash == recipe.digest else None


@contextmanager
def _workplace(role: Role, folder: Path) -> Iterator[Path]:
    """Give a folder of its own that is gone afterwards, and let nobody else build meanwhile."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{role}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            msg = f"the image {role!r} is being built by somebody else; wait for that build"
            raise ImageError(msg) from exc
        # Whoever held the lock before and was killed left this behind.
        for leftover in folder.glob(f"{role}-*"):
            shutil.rmtree(leftover)
        work = Path(tempfile.mkdtemp(prefix=f"{role}-", dir=folder))
        try:
            yield work
        finally:
            shutil.rmtree(work)


def _fill(tree: Tree, on_progress: Progress) -> None:
    role, count = tree.recipe.role, len(tree.recipe.packages)
    steps = (
        (
            f"Debian {tree.recipe.suite}, {count} packages and what they need",
            tree.install_packages,
        ),
        ("files of the recipe", tree.overlay),
        ("Python packages", tree.install_python),
        ("scripts of the recipe", tree.customize),
        ("units, bytecode", tree.finish),
    )
    for words, step in steps:
        on_progress(f"{role}: {words}")
        step()


def _pack(tree: Tree, target: Path, on_progress: Progress) -> Manifest:
    recipe = tree.recipe
    on_progress(f"{recipe.role}: disk image")
    target.mkdir()
    epoch = tree.epoch()
    made = datetime.fromtimestamp(epoch, UTC)
    contents = bill(recipe.role, recipe.digest, tree.root, made.isoformat())
    (target / SBOM).write_text(json.dumps(contents, indent=1) + "\n", encoding="utf-8")
    release = _take_kernel(tree.root / "boot", target)
    write_initrd(tree.root, release, recipe.folders[0] / "initrd-init", target / INITRD)
    tree.clamp_times(epoch)
    _disk(tree, target, epoch)
    manifest = Manifest(
        name=recipe.role,
        recipe_hash=recipe.digest,
        built_at=datetime.now(UTC).replace(microsecond=0),
        kernel=release,
        root_bytes=recipe.size_mib * _MIB,
        files={part: manifests.describe(target / part) for part in PARTS},
    )
    manifest.write(target)
    return manifest


def _take_kernel(boot: Path, target: Path) -> str:
    """Move the kernel out of the tree: the hypervisor boots it directly."""
    kernels = sorted(boot.glob("vmlinuz-*"))
    if len(kernels) != 1:
        msg = f"expected one kernel in the image, found {[path.name for path in kernels]}; "
        raise ImageError(msg + "name exactly one linux-image package in the recipe")
    release = kernels[0].name.removeprefix("vmlinuz-")
    shutil.move(kernels[0], target / KERNEL)
    for rest in boot.iterdir():
        rest.unlink() if rest.is_symlink() or rest.is_file() else shutil.rmtree(rest)
    return release


def _disk(tree: Tree, target: Path, epoch: int) -> None:
    """Make the whole-disk ext4, identifiers from the recipe, and compress it."""
    raw = target.parent / "root.raw"
    identity = str(uuid5(_NAMESPACE, tree.recipe.digest))
    with raw.open("wb") as disk:
        disk.truncate(tree.recipe.size_mib * _MIB)
    run(
        (
            "mke2fs", "-q", "-t", "ext4", "-L", "root", "-m", "1", "-U", identity,
            "-E", f"hash_seed={identity},root_owner=0:0,lazy_itable_init=1",
            "-d", tree.root, raw,
        ),
        env={"E2FSPROGS_FAKE_TIME": str(epoch)},
    )  # fmt: skip
    qcow2 = ("-O", "qcow2", "-c", "-o", "compression_type=zstd")
    run(("qemu-img", "convert", "-f", "raw", *qcow2, raw, target / ROOT), timeout_s=1800)


def _publish(work: Path, target: Path) -> None:
    """Put the finished folder in the old one's place."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        target.rename(work / "previous")
    (work / "image").rename(target)
