"""What pulumi-libvirt has no resource for, as dynamic resources.

Providers are pickled by reference: the state holds the name of the class, not its code, and
never a secret. What they print appears as progress in ``pulumi up``.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pulumi.dynamic import DiffResult, ResourceProvider

Props = dict[str, Any]


class Provider(ResourceProvider):
    """A provider whose differences are told by the names of its inputs.

    Attributes:
        replacing: Inputs whose change makes a new resource, after the old one is gone.
        updating: Inputs whose change is applied to the resource there is.
    """

    serialize_as_secret_always = False
    replacing: ClassVar[tuple[str, ...]] = ()
    updating: ClassVar[tuple[str, ...]] = ()

    def diff(self, _id: str, olds: Props, news: Props) -> DiffResult:
        """Compare the inputs that matter."""
        replaced = [key for key in self.replacing if olds.get(key) != news.get(key)]
        updated = [key for key in self.updating if olds.get(key) != news.get(key)]
        return DiffResult(
            changes=bool(replaced or updated),
            replaces=replaced,
            delete_before_replace=True,
        )
