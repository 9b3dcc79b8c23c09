"""``sandbox open STACK``: JupyterLab, MLflow and OpenBao in the browser."""

from __future__ import annotations

import asyncio
import os
import signal
import webbrowser
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from sandbox_infra.cli.common import KeyOption, StackName, UserOption, panel, target

if TYPE_CHECKING:
    from sandbox_infra.guest.channels import Channels

SERVICES = {"jupyter": "JupyterLab", "mlflow": "MLflow", "vault": "Vault"}


def open_services(
    stack: StackName,
    *,
    user: UserOption = None,
    key: KeyOption = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open JupyterLab in the browser.")
    ] = True,
) -> None:
    """Open the services of a stack on this machine until Ctrl-C.

    Each address holds a ticket that works once; then only that browser gets in.
    """
    from sandbox_infra.guest.channels import Channels
    from sandbox_infra.guest.ssh import open_guest
    from sandbox_infra.lifecycle import stacks
    from sandbox_infra.site import Site

    site = Site.locate()
    found = target(site, stacks.outputs(site, stack), "sandbox", user, key)
    # The first connection is made at once: a refused login is said here, not in the browser.
    first = [open_guest(found)]
    channels = Channels(lambda: first.pop() if first else open_guest(found))
    try:
        asyncio.run(_serve(channels, f"{stack} as {found.user}", show_browser=browser))
    finally:
        channels.close()
        for unused in first:
            unused.close()


async def _serve(channels: Channels, title: str, *, show_browser: bool) -> None:
    from sandbox_infra.guest.gate import Gate, GateServer

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    servers = {
        service: GateServer(
            Gate(service=service), partial(channels.open, f"lab-connect {service}")
        )
        for service in SERVICES
    }
    addresses = {service: await server.start() for service, server in servers.items()}
    rows = [f"{SERVICES[service]:<11} {address}" for service, address in addresses.items()]
    rows.append("each address works once; Ctrl-C closes all of them")
    panel("\n".join(rows), title=title)
    if show_browser and _has_browser():
        webbrowser.open(addresses["jupyter"])
    await stop.wait()
    channels.close()
    for server in servers.values():
        await server.stop()


def _has_browser() -> bool:
    """Whether a graphical browser can be opened: a text one would take the terminal."""
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
