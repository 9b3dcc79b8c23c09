"""``sandbox ssh`` and ``sandbox logs``."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sandbox_infra.cli.common import (
    OPERATOR,
    KeyOption,
    StackName,
    UserOption,
    interruptible,
    target,
)

if TYPE_CHECKING:
    from sandbox_infra.lifecycle.outputs import Guest
    from sandbox_infra.site import Site

GuestOption = Annotated[str, typer.Option("--guest", help="sandbox or appliance.")]

_A_YEAR_S = 365 * 24 * 3600.0


def ssh(
    stack: StackName,
    command: Annotated[
        list[str] | None, typer.Argument(metavar="[-- COMMAND...]", help="Nothing for a shell.")
    ] = None,
    *,
    user: UserOption = None,
    guest: GuestOption = "sandbox",
    key: KeyOption = None,
) -> None:
    """Open a shell in a guest, or run a command there, with the pinned host key."""
    from sandbox_infra.guest import openssh
    from sandbox_infra.lifecycle import stacks
    from sandbox_infra.process import replace_process
    from sandbox_infra.site import Site

    site = Site.locate()
    which = _guest(guest)
    found = target(site, stacks.outputs(site, stack), which, user, key)
    # It must outlive this process, which becomes ssh; it holds nothing but a public key.
    known_hosts = site.home / "known-hosts" / f"{stack}-{which}"
    known_hosts.parent.mkdir(parents=True, exist_ok=True)
    openssh.write_known_hosts(known_hosts, found)
    words = tuple(command or ())
    replace_process(openssh.command(found, known_hosts, words, terminal=sys.stdin.isatty()))


def logs(
    stack: StackName,
    *,
    guest: GuestOption = "sandbox",
    console: Annotated[
        bool, typer.Option("--console", help="The serial console; works without a living guest.")
    ] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines come.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many.")] = 200,
    key: KeyOption = None,
) -> None:
    """Show a guest's journal of this boot, or its console."""
    from sandbox_infra.site import Site

    site = Site.locate()
    with interruptible():
        if console:
            _console(site, stack, _guest(guest), lines=lines, follow=follow)
        else:
            _journal(site, stack, _guest(guest), key, lines=lines, follow=follow)


def _journal(
    site: Site, stack: str, guest: Guest, key: Path | None, *, lines: int, follow: bool
) -> None:
    from sandbox_infra.guest.ssh import connect_guest
    from sandbox_infra.lifecycle import stacks

    found = target(site, stacks.outputs(site, stack), guest, OPERATOR, key)
    words = f"journalctl --no-pager --boot --lines={lines}{' --follow' if follow else ''}"
    with connect_guest(found) as connection:
        connection.run(
            words,
            timeout_s=_A_YEAR_S if follow else 120,
            on_output=lambda text: typer.echo(text, nl=False),
        )


def _console(site: Site, stack: str, guest: Guest, *, lines: int, follow: bool) -> None:
    """Read what a guest printed; a stack that never came up has no outputs, but a console."""
    from sandbox_infra.config.parse import load
    from sandbox_infra.guest.console import clean
    from sandbox_infra.hypervisor import storage
    from sandbox_infra.hypervisor.connection import connect
    from sandbox_infra.hypervisor.hosts import local_host
    from sandbox_infra.plan.names import object_name

    pool = object_name(load(site.stack_file(stack)).project)
    with connect(local_host(site).uri) as hypervisor:
        shown = 0
        while True:
            text = storage.read_volume_text(hypervisor, pool, f"{guest}-console.log")
            fresh = text[shown:] if shown <= len(text) else text
            for line in fresh.splitlines()[-lines if not shown else 0 :]:
                if clean(line):
                    typer.echo(clean(line))
            shown = len(text)
            if not follow:
                return
            time.sleep(1)


def _guest(name: str) -> Guest:
    if name == "sandbox":
        return "sandbox"
    if name == "appliance":
        return "appliance"
    msg = f"{name!r} is not a guest; sandbox or appliance"
    raise typer.BadParameter(msg)
