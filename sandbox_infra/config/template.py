"""A first stack file, to be edited."""

from __future__ import annotations

from sandbox_infra.config.parse import KEY
from sandbox_infra.config.schema import MODELINE
from sandbox_infra.types import DataClass

_TEMPLATE = """\
{modeline}
config:
  {key}:
    project: {project}
    owner: {owner}
    purpose: {purpose}
    data_class: {data_class}  # {classes}
    cpu: 2
    memory: 2GiB
    data_volumes:
      - name: home
        size: 2GiB
        mount: /home
    network:
      cidr: {cidr}  # private, and used by nobody else
    users:
      - name: {user}
        ssh_keys: [operator]  # or public keys; operator is this site's own
    appliance:
      cpu: 2
      memory: 2GiB
      data: 4GiB
    ttl: 8h  # then everything is destroyed
"""


def render(
    project: str,
    *,
    owner: str,
    user: str,
    cidr: str,
    purpose: str = "say here what it is for",
    data_class: DataClass = DataClass.PUBLIC,
) -> str:
    """The text of stacks/Pulumi.<stack>.yaml for a new project."""
    return _TEMPLATE.format(
        modeline=MODELINE,
        key=KEY,
        project=project,
        owner=owner,
        purpose=purpose,
        data_class=data_class,
        classes=", ".join(DataClass),
        cidr=cidr,
        user=user,
    )
