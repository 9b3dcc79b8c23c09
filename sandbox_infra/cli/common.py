"""What several commands share: arguments, output, the way to a guest."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sandbox_infra.errors import GuestError

if TYPE_CHECKING:
    from sandbox_infra.guest.ssh import GuestTarget
    from sandbox_infra.lifecycle.outputs import Guest, StackOutputs
    from sandbox_infra.site import Site

OPERATOR = "operator"

StackName = Annotated[
    str, typer.Argument(metavar="STACK", help="Name of the stack: stacks/Pulumi.STACK.yaml.")
]
UserOption = Annotated[
    str | None, typer.Option("--user", help="Whose account; the first of the stack by default.")
]
KeyOption = Annotated[
    Path | None,
    typer.Option(
        "--key", help="SSH private key; the site's operator key by default, then the agent."
    ),
]


def panel(text: str, *, title: str) -> None:
    """Show a block of text: in a frame at a terminal, plain anywhere else."""
    if not sys.stdout.isatty() or "NO_COLOR" in os.environ:
        typer.echo(f"\n{title}\n{text}")
        return
    from rich.console import Console
    from rich.panel import Panel
    from rich.text import Text

    Console().print(Panel(Text(text), title=title, title_align="left", expand=False))


def target(
    site: Site, outputs: StackOutputs, guest: Guest, user: str | None, key: Path | None
) -> GuestTarget:
    """Where a guest is and who logs in.

    Raises:
        GuestError: There is no such account.
    """
    from sandbox_infra.guest.ssh import GuestTarget

    accounts = (*outputs.users, OPERATOR) if guest == "sandbox" else (OPERATOR,)
    wanted = user or accounts[0]
    if wanted not in accounts:
        msg = f"there is no account {wanted!r} in the {guest}; there are: {', '.join(accounts)}"
        raise GuestError(msg)
    own = site.operator_key if os.access(site.operator_key, os.R_OK) else None
    return GuestTarget(
        address=outputs.address(guest),
        user=wanted,
        host_key=outputs.host_key(guest),
        netns=outputs.netns,
        key_path=key or own,
    )


@contextmanager
def interruptible() -> Iterator[None]:
    """End with 130 and the message, if there is one, when interrupted."""
    try:
        yield
    except KeyboardInterrupt as exc:
        typer.echo(str(exc) or "interrupted", err=True)
        raise typer.Exit(130) from None
