"""What ``pulumi up`` runs."""

from sandbox_infra.program import deploy

deploy()
