"""Executes a notebook inside a guest; copied there by ``sandbox run``, never imported here.

Usage: ``notebook_runner.py NOTEBOOK RESULT``. Prints what the cells print, as they print it.
"""

import sys
from typing import Any

import nbclient
import nbformat
from nbclient.exceptions import CellExecutionError
from traitlets.config import Config


class Client(nbclient.NotebookClient):
    """A client that shows text outputs when they arrive."""

    def output(self, outs: Any, msg: Any, display_id: Any, cell_index: Any) -> Any:  # noqa: ANN401, D102 - nbclient's
        made = super().output(outs, msg, display_id, cell_index)
        content = msg["content"]
        text = content.get("text") or content.get("data", {}).get("text/plain", "")
        if text:
            print(text, end="" if text.endswith("\n") else "\n", flush=True)
        return made


def main(source: str, result: str) -> int:
    """Execute every cell; the result is written even when one fails."""
    notebook = nbformat.read(source, as_version=4)  # type: ignore[no-untyped-call]
    # Other accounts of the guest could listen to a kernel's TCP ports, but not to its sockets.
    config = Config()
    config.KernelManager.transport = "ipc"
    client = Client(notebook, config=config, timeout=None, kernel_name="python3")
    try:
        client.execute()
    except CellExecutionError as exc:
        print(exc, file=sys.stderr)
        return 1
    finally:
        nbformat.write(notebook, result)  # type: ignore[no-untyped-call]
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
