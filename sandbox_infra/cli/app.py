"""The ``sandbox`` command: its tree, and how errors end."""

from __future__ import annotations

import signal
import sys
import traceback
from datetime import UTC, datetime
from types import FrameType
from typing import NoReturn

import typer

from sandbox_infra.cli import browser, config, drift, guest, image, notebook, up
from sandbox_infra.errors import SandboxError

INTERRUPTED = 130

app = typer.Typer(
    name="sandbox",
    help="A project's own AI sandbox, isolated by hardware and short-lived.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("up")(up.up)
app.command("preview")(up.preview)
app.command("refresh")(up.refresh)
app.command("destroy")(up.destroy)
app.command("open")(browser.open_services)
app.command("ssh", context_settings={"ignore_unknown_options": True})(guest.ssh)
app.command("run")(notebook.run)
app.command("logs")(guest.logs)
app.command("drift")(drift.drift)
app.add_typer(image.app, name="image", help="The golden images that guests boot from.")
app.add_typer(config.app, name="config", help="Stack files: write, check, show.")


def main() -> NoReturn:
    """Run the command line; a mistake ends in a message and an exit code, not in a traceback."""
    signal.signal(signal.SIGTERM, _as_interrupt)
    try:
        app()
    except SandboxError as exc:
        typer.echo(f"error: {exc}", err=True)
        sys.exit(exc.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as exc:  # noqa: BLE001 - the last resort: nobody sees a traceback
        typer.echo(_unexpected(exc), err=True)
        sys.exit(1)
    sys.exit(0)


def _as_interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _unexpected(error: Exception) -> str:
    """Keep the traceback in a file and name it."""
    what = f"error: unexpected {type(error).__name__}: {error}"
    try:
        from sandbox_infra.site import Site

        folder = Site.locate().home / "log"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"crash-{datetime.now(UTC):%Y%m%dT%H%M%S}.log"
        path.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
        path.chmod(0o600)
    except (OSError, SandboxError):
        return f"{what}; please report it"
    return f"{what}; please report it with {path}"
