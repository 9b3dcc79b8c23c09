"""Stacks through Pulumi's Automation API: what ``pulumi`` does, with our errors."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from pulumi import automation
from pulumi.automation.errors import CommandError, create_command_error

from sandbox_infra import process
from sandbox_infra.errors import StackError, StackLockedError, ToolError
from sandbox_infra.lifecycle.outputs import StackOutputs, read_outputs
from sandbox_infra.lifecycle.progress import diagnostics, locks
from sandbox_infra.site import Site

OnLine = Callable[[str], None]

Answer = TypeVar("Answer")

GUARD_TYPE: Final = "DomainGuard"


def _nothing(_: str) -> None:
    pass


class _Pulumi(automation.PulumiCommand):
    """The pulumi command, run through the one process door.

    It is in a session of its own: Ctrl-C reaches it once, through us, and it ends in order.
    """

    failed: automation.CommandResult | None = None

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: Callable[[str], Any] | None = None,
        on_error: Callable[[str], Any] | None = None,
    ) -> automation.CommandResult:
        """Run it; the Automation API calls this for everything it does."""
        done = process.stream(
            [self.command, "--non-interactive", *args],
            cwd=Path(cwd),
            env={**additional_env, "PULUMI_AUTOMATION_API": "true"},
            on_output=on_output,
            on_error=on_error,
        )
        result = automation.CommandResult(stdout=done.stdout, stderr=done.stderr, code=done.code)
        if done.code != 0:
            self.failed = result
            raise create_command_error(result)
        return result


def up(site: Site, stack: str, on_line: OnLine = _nothing) -> StackOutputs:
    """Bring a stack up, or bring it to what its file says."""
    pulumi = _pulumi(site)
    opened = _create_or_select(site, stack, pulumi)
    _run(opened, pulumi, "up", lambda: opened.up(on_output=on_line, color="never"), on_line)
    return _outputs(opened, pulumi)


def preview(site: Site, stack: str, on_line: OnLine = _nothing) -> None:
    """Show what ``up`` would do."""
    pulumi = _pulumi(site)
    opened = _create_or_select(site, stack, pulumi)
    _run(
        opened,
        pulumi,
        "preview",
        lambda: opened.preview(on_output=on_line, color="never", diff=True),
        on_line,
    )


def refresh(site: Site, stack: str, on_line: OnLine = _nothing) -> None:
    """Bring the state to what is really there."""
    pulumi = _pulumi(site)
    opened = _select(site, stack, pulumi)
    _run(
        opened,
        pulumi,
        "refresh",
        lambda: opened.refresh(on_output=on_line, color="never"),
        on_line,
    )


def destroy(site: Site, stack: str, on_line: OnLine = _nothing) -> None:
    """Destroy everything of a stack; its file stays."""
    pulumi = _pulumi(site)
    opened = _select(site, stack, pulumi)
    _run(
        opened,
        pulumi,
        "destroy",
        lambda: opened.destroy(on_output=on_line, color="never"),
        on_line,
    )


def outputs(site: Site, stack: str) -> StackOutputs:
    """What a stack that is up exports.

    Raises:
        StackError: There is no such stack, or it is not up.
    """
    pulumi = _pulumi(site)
    return _outputs(_select(site, stack, pulumi), pulumi)


def guards(site: Site, stack: str) -> dict[str, dict[str, str]]:
    """How each domain of a stack was defined: ``fingerprint`` and ``xml`` by domain name."""
    pulumi = _pulumi(site)
    opened = _select(site, stack, pulumi)
    state = _asked(pulumi, stack, opened.export_stack).deployment or {}
    return {
        str(one["outputs"]["machine"]): one["outputs"]
        for one in state.get("resources", ())
        if one["type"].endswith(f":{GUARD_TYPE}") and one.get("outputs", {}).get("xml")
    }


def _pulumi(site: Site) -> _Pulumi:
    own = site.home / "bin" / "pulumi"
    try:
        return _Pulumi(root=str(site.home) if own.is_file() else None, skip_version_check=True)
    except OSError as exc:
        msg = f"the pulumi command is not installed ({exc}); run scripts/install"
        raise ToolError(msg) from exc


def _options(site: Site, pulumi: _Pulumi) -> automation.LocalWorkspaceOptions:
    """The environment of ``.sandbox/activate``, unless the user's own says otherwise."""
    if not site.passphrase.is_file():
        msg = f"the passphrase file {str(site.passphrase)!r} is missing; run scripts/install"
        raise ToolError(msg)
    env = {
        "PULUMI_HOME": str(site.home / "pulumi-home"),
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(site.passphrase),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }
    own = {name: value for name, value in env.items() if name not in os.environ}
    bins = (site.home / "venv" / "bin", site.home / "bin", os.environ.get("PATH", ""))
    return automation.LocalWorkspaceOptions(
        work_dir=str(site.project),
        pulumi_command=pulumi,
        env_vars={**own, "SANDBOX_HOME": str(site.home), "PATH": ":".join(map(str, bins))},
    )


def _create_or_select(site: Site, stack: str, pulumi: _Pulumi) -> automation.Stack:
    def make() -> automation.Stack:
        return automation.create_or_select_stack(
            stack, work_dir=str(site.project), opts=_options(site, pulumi)
        )

    return _asked(pulumi, stack, make)


def _select(site: Site, stack: str, pulumi: _Pulumi) -> automation.Stack:
    def pick() -> automation.Stack:
        return automation.select_stack(
            stack, work_dir=str(site.project), opts=_options(site, pulumi)
        )

    return _asked(pulumi, stack, pick)


def _outputs(opened: automation.Stack, pulumi: _Pulumi) -> StackOutputs:
    found = _asked(pulumi, opened.name, opened.outputs)
    return read_outputs({key: one.value for key, one in found.items()}, stack=opened.name)


def _asked(pulumi: _Pulumi, stack: str, question: Callable[[], Answer]) -> Answer:
    try:
        return question()
    except automation.StackNotFoundError as exc:
        msg = f"there is no stack {stack!r} in this backend; run: sandbox up {stack}"
        raise StackError(msg) from exc
    except CommandError as exc:
        raise _failure(pulumi, stack) from exc


def _run(
    opened: automation.Stack,
    pulumi: _Pulumi,
    verb: str,
    work: Callable[[], object],
    on_line: OnLine,
) -> None:
    try:
        try:
            work()
        except automation.ConcurrentUpdateError:
            _break_stale_lock(opened, pulumi, on_line)
            work()
    except KeyboardInterrupt:
        msg = f"interrupted; what was done is kept, go on with: sandbox {verb} {opened.name}"
        raise KeyboardInterrupt(msg) from None
    except CommandError as exc:
        raise _failure(pulumi, opened.name) from exc


def _break_stale_lock(opened: automation.Stack, pulumi: _Pulumi, on_line: OnLine) -> None:
    """Take a lock away when all who hold it are dead Pulumis of this machine.

    Raises:
        StackLockedError: Somebody may be at work.
    """
    text = pulumi.failed.stderr if pulumi.failed else ""
    holders = locks(text)
    if not holders or not all(holder.is_stale() for holder in holders):
        who = ", ".join(f"{one.user}@{one.host} (process {one.pid})" for one in holders)
        msg = (
            f"the stack {opened.name!r} is held by {who or 'another run'}; wait for it to end, "
            f"or, if that run is surely dead: pulumi cancel --stack {opened.name}"
        )
        raise StackLockedError(msg)
    on_line(f"the run that held the stack is dead (process {holders[0].pid}); its lock is removed")
    opened.cancel()


def _failure(pulumi: _Pulumi, stack: str) -> StackError:
    failed = pulumi.failed
    why = diagnostics(failed.stdout, failed.stderr) if failed else ""
    msg = f"pulumi failed on the stack {stack!r}:\n{why}".rstrip()
    return StackError(msg)
