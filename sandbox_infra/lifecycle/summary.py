"""What people want to know when a sandbox is up."""

from __future__ import annotations

from datetime import datetime

from sandbox_infra.lifecycle.outputs import StackOutputs
from sandbox_infra.types import format_duration

_SPEED = {
    "kvm": "kvm (hardware)",
    "tcg": "tcg (software: KVM does not work on this host; expect a tenth of the speed)",
}


def render_summary(outputs: StackOutputs, *, stack: str, now: datetime) -> str:
    """A few aligned lines of plain text."""
    left = outputs.expires_at - now
    remaining = f"in {format_duration(left)}" if left.total_seconds() >= 60 else "now"  # noqa: PLR2004 - a minute
    rows = (
        ("project", f"{outputs.project} ({outputs.data_class}), answers for it: {outputs.owner}"),
        ("people", ", ".join(outputs.users)),
        ("JupyterLab", f"sandbox open {stack}"),
        ("MLflow", f"{outputs.mlflow} inside; sandbox open {stack}"),
        ("Vault", f"{outputs.vault} inside; sandbox open {stack}"),
        ("shell", f"sandbox ssh {stack}"),
        (
            "runs on",
            f"host {outputs.host}, {_SPEED.get(outputs.acceleration, outputs.acceleration)}",
        ),
        ("expires", f"{outputs.expires_at:%Y-%m-%d %H:%M} UTC, {remaining}"),
    )
    return "\n".join(f"{name:<11} {value}" for name, value in rows)
