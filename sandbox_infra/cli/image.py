"""``sandbox image build|list|inspect``."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer

from sandbox_infra.cli.common import interruptible

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


class RoleName(StrEnum):
    """The images there are."""

    SANDBOX = "sandbox"
    APPLIANCE = "appliance"


RoleArgument = Annotated[RoleName, typer.Argument(metavar="ROLE", help="sandbox or appliance.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def build(
    roles: Annotated[
        list[RoleName] | None, typer.Argument(metavar="[ROLE]...", help="Both by default.")
    ] = None,
    *,
    force: Annotated[bool, typer.Option("--force", help="Even if nothing changed.")] = False,
) -> None:
    """Build golden images whose recipes changed."""
    from sandbox_infra.image.build import build as build_image

    with interruptible():
        for role in roles or list(RoleName):
            build_image(role.value, force, typer.echo)


@app.command("list")
def list_images(*, as_json: JsonOption = False) -> None:
    """List the images of this site."""
    from sandbox_infra.image import store
    from sandbox_infra.site import Site

    found = store.list_images(Site.locate().images)
    if as_json:
        typer.echo(json.dumps([one.model_dump(mode="json") for one in found], indent=2))
        return
    for one in found:
        size = sum(entry.size for entry in one.files.values()) >> 20
        typer.echo(f"{one.name:<10} {one.built_at:%Y-%m-%d %H:%M} {size:>6} MiB  {one.kernel}")
    if not found:
        typer.echo("no image yet; run: sandbox image build")


@app.command()
def inspect(
    role: RoleArgument,
    *,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read every file and compare its checksum.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show an image's manifest."""
    from sandbox_infra.image import store
    from sandbox_infra.site import Site

    images = Site.locate().images
    look = store.verify if verify else store.inspect
    found = look(role.value, images)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    typer.echo(f"name    {found.name}\nbuilt   {found.built_at:%Y-%m-%d %H:%M} UTC")
    typer.echo(f"kernel  {found.kernel}\nrecipe  {found.recipe_hash}")
    for name, entry in sorted(found.files.items()):
        typer.echo(f"file    {name}  {entry.size} bytes  sha256 {entry.sha256}")
    if verify:
        typer.echo("every file is the one that was built")
