"""``sandbox run STACK NOTEBOOK``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sandbox_infra.cli.common import KeyOption, StackName, UserOption, interruptible, target
from sandbox_infra.errors import ConfigError, Problem

if TYPE_CHECKING:
    from sandbox_infra.site import Site


def run(
    stack: StackName,
    notebook: Annotated[
        Path, typer.Argument(help="A path, or the name of one in examples/, such as textgen.")
    ],
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", help="Where the executed one goes; NAME.executed.ipynb by default."
        ),
    ] = None,
    timeout: Annotated[int, typer.Option("--timeout", min=1, help="Seconds.")] = 3600,
    user: UserOption = None,
    key: KeyOption = None,
) -> None:
    """Execute a notebook inside the sandbox and fetch it back with its outputs.

    Python modules and packages beside it and its folder data go along.
    """
    from sandbox_infra.guest.notebook import execute
    from sandbox_infra.guest.ssh import connect_guest
    from sandbox_infra.lifecycle import stacks
    from sandbox_infra.site import Site

    site = Site.locate()
    source = find(site, notebook)
    result = output or Path(f"{source.stem}.executed.ipynb")
    found = target(site, stacks.outputs(site, stack), "sandbox", user, key)
    with interruptible(), connect_guest(found) as guest:
        code = execute(
            guest,
            source,
            result,
            timeout_s=timeout,
            on_output=lambda text: typer.echo(text, nl=False),
        )
    if code != 0:
        typer.echo(f"error: {source.name} did not go through (exit code {code})", err=True)
        raise typer.Exit(code)
    typer.echo(f"{source.name} went through as {found.user}; with its outputs: {result}")


def find(site: Site, notebook: Path) -> Path:
    """The notebook meant by a path or by a name in examples/.

    Raises:
        ConfigError: There is none.
    """
    examples = site.project / "examples"
    for path in (notebook, examples / notebook, examples / f"{notebook}.ipynb"):
        if path.is_file():
            return path.resolve()
    names = ", ".join(sorted(path.stem for path in examples.glob("*.ipynb")))
    problem = Problem(
        key="notebook",
        value=str(notebook),
        message="does not exist",
        remedy=f"name a file, or one of the examples: {names}",
    )
    raise ConfigError([problem], source="command line")
