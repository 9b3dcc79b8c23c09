"""``sandbox drift STACK``: are the domains still what was defined?"""

from __future__ import annotations

import difflib
import json
from typing import Annotated

import typer

from sandbox_infra.cli.common import StackName
from sandbox_infra.errors import StackError

DRIFTED = 1


def drift(
    stack: StackName,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare each domain with how it was defined; exit code 1 when one was changed by hand."""
    from sandbox_infra.hypervisor import domains
    from sandbox_infra.hypervisor.connection import connect
    from sandbox_infra.lifecycle import stacks
    from sandbox_infra.site import Site

    site = Site.locate()
    guards = stacks.guards(site, stack)
    if not guards:
        msg = f"the stack {stack!r} has no domain; run: sandbox up {stack}"
        raise StackError(msg)
    found: dict[str, list[str]] = {}
    for name, guard in sorted(guards.items()):
        with connect(guard["uri"]) as hypervisor:
            now = domains.fingerprint(hypervisor, name)
        if now.digest != guard["fingerprint"]:
            found[name] = differences(domains.normalise(guard["xml"]), now.normal)
    if as_json:
        typer.echo(json.dumps({name: found.get(name, []) for name in guards}, indent=2))
    else:
        _show(stack, sorted(guards), found)
    if found:
        raise typer.Exit(DRIFTED)


def differences(defined: str, now: str) -> list[str]:
    """Lines that were added and removed, in the persistent definition or else in the running one.

    Args:
        defined: The normalised definition that was made.
        now: The normalised persistent and running definitions of today, one after the other.
    """
    end = "</domain>"
    persistent, _, running = now.partition(f"{end}\n")
    for today in (persistent + end, running):
        lines = difflib.unified_diff(defined.splitlines(), today.splitlines(), lineterm="", n=0)
        changed = [line for line in lines if not line.startswith(("---", "+++", "@@"))]
        if changed:
            return changed
    return []


def _show(stack: str, names: list[str], found: dict[str, list[str]]) -> None:
    for name in names:
        if name not in found:
            typer.echo(f"{name}: as defined")
            continue
        typer.echo(f"{name}: changed since it was defined")
        for line in found[name]:
            typer.echo(f"  {line}")
    if found:
        typer.echo(f"to undo it: sandbox refresh {stack}, then sandbox up {stack}")
