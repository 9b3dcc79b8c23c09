"""``sandbox config init|check|show|schema``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from sandbox_infra.cli.common import StackName
from sandbox_infra.errors import ConfigError, Problem

if TYPE_CHECKING:
    from sandbox_infra.site import Site

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.command()
def init(
    stack: StackName,
    *,
    owner: Annotated[str, typer.Option(help="E-mail of who answers for the project.")],
    user: Annotated[str, typer.Option(help="First person's account.")] = "ada",
    cidr: Annotated[
        str | None, typer.Option(help="Lab network; one that no stack file uses by default.")
    ] = None,
) -> None:
    """Write a first stack file, to be edited."""
    from sandbox_infra.config.parse import load
    from sandbox_infra.config.template import render
    from sandbox_infra.site import Site
    from sandbox_infra.types import parse_name

    try:
        parse_name(stack)
    except ValueError as exc:
        raise ConfigError([_problem("project", stack, str(exc), "choose another name")]) from exc
    site = Site.locate()
    path = site.stack_file(stack)
    if path.exists():
        raise ConfigError(
            [_problem(path.name, "", "exists already", "edit it, or choose another name")]
        )
    text = render(stack, owner=owner, user=user, cidr=cidr or _unused_network(site))
    path.write_text(text, encoding="utf-8")
    try:
        load(path)
    except ConfigError:
        path.unlink()
        raise
    typer.echo(f"wrote stacks/{path.name}; edit it, then: sandbox up {stack}")


@app.command()
def check(stack: StackName) -> None:
    """Check a stack file; every problem is listed at once."""
    from sandbox_infra.config.parse import load
    from sandbox_infra.site import Site

    path = Site.locate().stack_file(stack)
    load(path)
    typer.echo(
        f"stacks/{path.name} is right; what the host has room for is seen by: sandbox preview"
    )


@app.command()
def show(
    stack: StackName,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what a stack file means, defaults included."""
    import yaml

    from sandbox_infra.config.parse import load
    from sandbox_infra.site import Site

    values = load(Site.locate().stack_file(stack)).model_dump(mode="json")
    if as_json:
        typer.echo(json.dumps(values, indent=2))
    else:
        typer.echo(yaml.safe_dump(values, sort_keys=False).rstrip())


@app.command()
def schema() -> None:
    """Write stacks/schema.json, which editors check stack files against."""
    from sandbox_infra.config.schema import FILE, text
    from sandbox_infra.site import Site

    path = Site.locate().stacks / FILE
    path.write_text(text(), encoding="utf-8")
    typer.echo(f"wrote stacks/{FILE}")


def _unused_network(site: Site) -> str:
    """A /24 that no other stack file mentions; the plan looks at the host itself."""
    mentioned = "".join(path.read_text() for path in site.stacks.glob("Pulumi.*.yaml"))
    free = (f"10.{second}.0.0/24" for second in range(77, 255) if f"10.{second}." not in mentioned)
    return next(free, "10.76.0.0/24")


def _problem(key: str, value: str, message: str, remedy: str) -> Problem:
    return Problem(key=key, value=value, message=message, remedy=remedy)
