"""The file tree of an image while it is being made: packages, overlays, Python, finish."""

from __future__ import annotations

import os
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sandbox_infra.errors import ImageError, ProcessError, ToolError
from sandbox_infra.image.recipe import CUSTOMIZE, LOCK, Recipe
from sandbox_infra.image.sources import apt_sources
from sandbox_infra.process import run

STEP_TIMEOUT_S: Final = 1800
_IN_CHROOT: Final = Path(__file__).with_name("in_chroot.sh")
_WORK: Final = "run/lab-build"
_PYTHON: Final = "python3.11"
_NAMESPACES: Final = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
_UNSEEN: Final = ("man", "doc", "locale", "info")


@dataclass(frozen=True, kw_only=True)
class Tree:
    """A root file system under construction.

    Attributes:
        recipe: What it is made from.
        root: Where it lies.
        cache: Where downloads are kept between builds.
        log: File that gets the output of every command.
    """

    recipe: Recipe
    root: Path
    cache: Path
    log: Path

    def install_packages(self) -> None:
        """Make the tree with all Debian packages, from the machine's own apt sources."""
        sources = self.root.parent / "apt.list"
        sources.write_text("\n".join(apt_sources(self.recipe.suite)) + "\n", encoding="utf-8")
        debs = self.cache / "apt"
        debs.mkdir(parents=True, exist_ok=True)
        archives = "var/cache/apt/archives"
        self._run(
            *_NAMESPACES,
            "mmdebstrap",
            "--mode=root",
            "--format=directory",
            "--variant=essential",
            f"--include={','.join(self.recipe.packages)}",
            *(f"--aptopt={option}" for option in _apt_options()),
            *(f"--dpkgopt=path-exclude=/usr/share/{unseen}/*" for unseen in _UNSEEN),
            "--skip=download/empty",
            "--skip=essential/unlink",
            f'--setup-hook=mkdir -p "$1"/{archives} && cp -al {debs}/. "$1"/{archives}/',
            f'--customize-hook=cp -aln "$1"/{archives}/*.deb {debs}/ && rm "$1"/{archives}/*.deb',
            self.recipe.suite,
            str(self.root),
            str(sources),
        )

    def overlay(self) -> None:
        """Copy the recipe's own files in; of their modes only the executable bit counts."""
        for folder in self.recipe.folders:
            for source in sorted((folder / "rootfs").rglob("*")):
                target = self.root / source.relative_to(folder / "rootfs")
                if source.is_symlink():
                    target.unlink(missing_ok=True)
                    target.symlink_to(source.readlink())
                elif source.is_dir():
                    target.mkdir(mode=0o755, exist_ok=True)
                else:
                    target.unlink(missing_ok=True)
                    shutil.copyfile(source, target)
                    target.chmod(0o755 if os.access(source, os.X_OK) else 0o644)

    def install_python(self) -> None:
        """Make the virtual environment: wheels only, each with the hash in the lock file."""
        if self.recipe.python is None:
            return
        venv = self.root / self.recipe.python.lstrip("/")
        packages = venv / "lib" / _PYTHON / "site-packages"
        self.chroot("/usr/bin/python3", "-m", "venv", "--without-pip", self.recipe.python)
        self._run(
            _uv(self.cache.parent), "pip", "install", "--quiet", "--target", packages,
            "--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_34",
            "--only-binary", ":all:", "--require-hashes", "--no-deps", "--link-mode", "copy",
            "--no-python-downloads", "--cache-dir", self.cache / "uv",
            "-r", self.recipe.folders[-1] / LOCK,
        )  # fmt: skip
        for part in ("bin", "etc", "share"):
            if (packages / part).is_dir():
                shutil.copytree(packages / part, venv / part, dirs_exist_ok=True, symlinks=True)
                shutil.rmtree(packages / part)
        _point_scripts_at(venv / "bin", f"{self.recipe.python}/bin/python")

    def customize(self) -> None:
        """Run each folder's own script inside, without a network."""
        work = self.root / _WORK
        try:
            for folder in self.recipe.folders:
                shutil.copytree(folder, work / folder.name, symlinks=True)
                if (folder / CUSTOMIZE).is_file():
                    self.chroot("bash", "-eu", f"/{_WORK}/{folder.name}/{CUSTOMIZE}")
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def finish(self) -> None:
        """Mask and enable units, drop what nobody reads, compile all Python."""
        if self.recipe.enabled:
            self.chroot("systemctl", "enable", *self.recipe.enabled)
        if self.recipe.masked:
            self.chroot("systemctl", "mask", *self.recipe.masked)
        self.strip()
        places = ["/usr/lib/python3/dist-packages", f"/usr/lib/{_PYTHON}"]
        if self.recipe.python is not None:
            places.append(f"{self.recipe.python}/lib")
        # Unchecked: no time stamp decides whether the compiled file is used, and it is
        # reproducible. A few packages ship templates that are no valid Python: code 1 is fine.
        compiled = ("-m", "compileall", "-q", "-f", "-j", "2")
        mode = ("--invalidation-mode", "unchecked-hash")
        self.chroot("/usr/bin/python3", *compiled, *mode, *places, check=False)

    def strip(self) -> None:
        """Remove what the recipe's globs name; links are removed, never followed."""
        for pattern in self.recipe.strip:
            for path in self.root.glob(pattern.lstrip("/")):
                if path.is_symlink() or path.is_file():
                    path.unlink()
                else:
                    shutil.rmtree(path)

    def chroot(self, *command: str, check: bool = True) -> None:
        """Run a command inside the tree, in namespaces of its own."""
        words: list[str | Path] = [*_NAMESPACES, "--net", "sh", _IN_CHROOT, self.root, *command]
        self._run(*words, check=check)

    def _run(self, *command: str | Path, check: bool = True) -> None:
        env = {
            "LAB_ROLE": self.recipe.role,
            "LAB_PYTHON": self.recipe.python or "",
            "SOURCE_DATE_EPOCH": str(self.epoch()),
        }
        done = run(command, env=env, timeout_s=STEP_TIMEOUT_S, check=False)
        shown = shlex.join(str(word) for word in command)
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"$ {shown}\n{done.stdout}{done.stderr}")
        if check and done.code != 0:
            raise ProcessError(
                command=shown, code=done.code, stdout=done.stdout, stderr=done.stderr
            )

    def epoch(self) -> int:
        """The time stamp that stands for this build: when its kernel package was made."""
        kernels = sorted(self.root.glob("boot/vmlinuz-*"))
        return int(kernels[-1].stat().st_mtime) if kernels else 0

    def clamp_times(self, epoch: int) -> None:
        """Set every newer time stamp back to ``epoch``, so that builds can be compared."""
        for path in (self.root, *self.root.rglob("*")):
            if path.lstat().st_mtime > epoch:
                os.utime(path, (epoch, epoch), follow_symlinks=False)


def _apt_options() -> list[str]:
    """How this machine's apt reaches its sources, proxies and clock checks included."""
    shown = run(("apt-config", "dump", "--no-empty")).stdout.splitlines()
    kept = ("Acquire::http", "Acquire::https", "Acquire::Check-")
    return [line for line in shown if line.startswith(kept)]


def _uv(home: Path) -> str:
    """Find uv: the one scripts/install put into the project's folder, or the machine's own."""
    places = f"{home / 'tools/python/bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    found = shutil.which("uv", path=places)
    if found is None:
        msg = "'uv' is not installed; run scripts/install"
        raise ToolError(msg)
    return found


def _point_scripts_at(folder: Path, interpreter: str) -> None:
    for script in folder.iterdir():
        if script.is_symlink() or not script.is_file():
            continue
        head, newline, body = script.read_bytes().partition(b"\n")
        if head.startswith(b"#!") and b"python" in head:
            script.write_bytes(b"#!" + interpreter.encode() + newline + body)


def require_root() -> None:
    """Refuse to begin what only root can end.

    Raises:
        ImageError: Not root.
    """
    if os.geteuid() != 0:
        msg = "images are built as root (file owners, mounts); run: sudo -E sandbox image build"
        raise ImageError(msg)
