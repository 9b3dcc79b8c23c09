"""``sandbox up|preview|refresh|destroy STACK``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

import typer

from sandbox_infra.cli.common import StackName, interruptible, panel


def up(stack: StackName) -> None:
    """Bring a stack up, or bring it to what its file says."""
    from sandbox_infra.config.parse import load
    from sandbox_infra.lifecycle import stacks
    from sandbox_infra.lifecycle.summary import render_summary
    from sandbox_infra.site import Site

    site = Site.locate()
    load(site.stack_file(stack))
    with interruptible():
        outputs = stacks.up(site, stack, _steps())
    summary = render_summary(outputs, stack=stack, now=datetime.now(UTC))
    panel(summary, title=f"{stack} is up")


def preview(stack: StackName) -> None:
    """Show what `up` would create, change, replace and delete."""
    from sandbox_infra.config.parse import load
    from sandbox_infra.lifecycle import stacks
    from sandbox_infra.site import Site

    site = Site.locate()
    load(site.stack_file(stack))
    with interruptible():
        stacks.preview(site, stack, typer.echo)


def refresh(stack: StackName) -> None:
    """Bring the recorded state to what is really there."""
    from sandbox_infra.lifecycle import stacks
    from sandbox_infra.site import Site

    with interruptible():
        stacks.refresh(Site.locate(), stack, _steps())
    typer.echo(f"{stack}: the state is what is there")


def destroy(
    stack: StackName,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Destroy everything of a stack, its data and its disk keys; the stack file stays."""
    from sandbox_infra.lifecycle import stacks
    from sandbox_infra.site import Site

    if not yes and not sys.stdin.isatty():
        msg = f"nobody can be asked here; say --yes to destroy {stack!r}"
        raise typer.BadParameter(msg)
    if not yes:
        typer.confirm(f"destroy {stack!r} with all its data? this cannot be undone", abort=True)
    with interruptible():
        stacks.destroy(Site.locate(), stack, _steps())
    typer.echo(f"{stack} is destroyed; its disk keys are gone, and with them its data")


def _steps() -> Callable[[str], None]:
    from sandbox_infra.lifecycle.progress import Steps

    steps = Steps()

    def show(line: str) -> None:
        shown = steps.pick(line)
        if shown is not None:
            typer.echo(shown)

    return show
