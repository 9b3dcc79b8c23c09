"""The site: where the project keeps what is its own and in no repository."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from sandbox_infra.errors import ToolError


@dataclass(frozen=True, kw_only=True)
class Site:
    """The project's folder and its one ignored folder.

    Attributes:
        project: The folder with Pulumi.yaml.
        home: .sandbox, or wherever SANDBOX_HOME points.
    """

    project: Path
    home: Path

    @classmethod
    def locate(cls, start: Path | None = None) -> Site:
        """Find the project from a folder upwards, else from where the package lies.

        Raises:
            ToolError: There is no project.
        """
        here = (start or Path.cwd()).resolve()
        package = Path(__file__).resolve().parent
        for folder in (here, *here.parents, package.parent):
            if (folder / "Pulumi.yaml").is_file() and (folder / "stacks").is_dir():
                home = os.environ.get("SANDBOX_HOME")
                return cls(project=folder, home=Path(home) if home else folder / ".sandbox")
        msg = f"no project with Pulumi.yaml and stacks/ at {str(here)!r} or above; go into it"
        raise ToolError(msg)

    @property
    def images(self) -> Path:
        """Golden images, a folder for each role."""
        return self.home / "images"

    @property
    def recipes(self) -> Path:
        """The recipes of the golden images."""
        return self.project / "images"

    @property
    def lab(self) -> Path:
        """The embedded libvirtd."""
        return self.home / "lab"

    @property
    def stacks(self) -> Path:
        """The stack files."""
        return self.project / "stacks"

    @property
    def operator_key(self) -> Path:
        """The operator's SSH private key."""
        return self.home / "site" / "operator_ed25519"

    @property
    def passphrase(self) -> Path:
        """The file with the passphrase that encrypts secrets in the state."""
        return self.home / "site" / "passphrase"

    @property
    def cloudinit_schema(self) -> Path:
        """The JSON schema of cloud-init's user-data, of the version that the guests run."""
        schemas = "usr/lib/python3/dist-packages/cloudinit/config/schemas"
        return self.home / "tools" / "cloud-init" / schemas / "schema-cloud-config-v1.json"

    def handover(self, stack: str) -> Path:
        """Where the encrypted recovery keys of a stack are handed out."""
        return self.home / "handover" / stack

    def stack_file(self, stack: str) -> Path:
        """The file of a stack."""
        return self.stacks / f"Pulumi.{stack}.yaml"

    def operator_public_text(self) -> str:
        """The operator's public key, as one line.

        Raises:
            ToolError: The site has none yet.
        """
        path = self.operator_key.with_suffix(".pub")
        try:
            return path.read_text().strip()
        except OSError as exc:
            msg = f"the operator's key {str(path)!r} cannot be read; run scripts/install"
            raise ToolError(msg) from exc
