"""Runs one notebook in the way a sandbox would; started in a network namespace of its own.

Usage: ``inside.py NOTEBOOK FOLDER``. OpenBao is a real development server with TLS; MLflow is
what MLFLOW_TRACKING_URI names, else a store of files. Prints the notebook's text as JSON.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import hvac
import nbclient
import nbformat

from sandbox_infra.appliance.client import policy

ROOT = Path(__file__).parents[2]
ADDRESS = "https://127.0.0.1:8200"
KEY = "5a" * 32


def start_openbao(folder: Path) -> subprocess.Popen[bytes]:
    """A development server with TLS; its certificate authority is written into the folder."""
    bao = shutil.which("bao", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if bao is None:
        msg = "no bao on PATH; run uv sync"
        raise FileNotFoundError(msg)
    tls = folder / "tls"
    tls.mkdir()
    command = [bao, "server", "-dev", "-dev-tls", f"-dev-tls-cert-dir={tls}"]
    with (folder / "bao.log").open("wb") as log:
        return subprocess.Popen(
            [*command, "-dev-root-token-id=root", "-dev-no-store-token"], stdout=log, stderr=log
        )


def set_up(folder: Path) -> dict[str, str]:
    """The project's secret, a certificate for the person, and the environment of a sandbox."""
    authority = folder / "tls" / "vault-ca.pem"
    client = wait_for(authority)
    client.sys.enable_secrets_engine("kv", path="kv", options={"version": "2"})
    client.secrets.kv.v2.create_or_update_secret(
        "project/pseudonymisation", {"key": KEY}, mount_point="kv"
    )
    client.sys.enable_secrets_engine("pki")
    root = client.secrets.pki.generate_root("internal", "lab")["data"]["certificate"]
    client.secrets.pki.create_or_update_role(
        "person",
        {"allow_any_name": True, "enforce_hostnames": False, "client_flag": True, "ttl": "1h"},
    )
    issued = client.secrets.pki.generate_certificate("person", "ada")["data"]
    pem = folder / "client.pem"
    pem.write_text(issued["private_key"] + "\n" + issued["certificate"] + "\n", encoding="ascii")
    client.sys.enable_auth_method("cert")
    accessor = client.sys.list_auth_methods()["data"]["cert/"]["accessor"]
    client.sys.create_or_update_policy("person", policy("person").replace("ACCESSOR", accessor))
    access = {"certificate": root, "token_policies": ["person"], "token_no_default_policy": True}
    client.write_data("auth/cert/certs/person", data=access)
    return {
        "VAULT_ADDR": ADDRESS,
        "VAULT_CACERT": str(authority),
        "VAULT_CLIENT_CERT": str(pem),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_TRACKING_URI": os.environ.get("MLFLOW_TRACKING_URI", f"file:{folder}/mlruns"),
        "MLFLOW_ALLOW_FILE_STORE": "true",
    }


def wait_for(authority: Path) -> hvac.Client:
    """A client with the root token once the server answers."""
    for _ in range(100):
        if authority.exists():
            client = hvac.Client(ADDRESS, token="root", verify=str(authority))
            try:
                if client.sys.is_initialized() and not client.sys.is_sealed():
                    return client
            except OSError:
                pass
        time.sleep(0.1)
    msg = "the development server did not answer in 10 s"
    raise TimeoutError(msg)


def execute(name: str, folder: Path) -> dict[str, object]:
    """Execute a copy of the examples and gather what the notebook said."""
    work = folder / "examples"
    shutil.copytree(ROOT / "examples", work)
    notebook = nbformat.reads((work / name).read_text(encoding="utf-8"), as_version=4)  # type: ignore[no-untyped-call]
    started = time.monotonic()
    nbclient.NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": str(work)}}
    ).execute()
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    text = [out.get("text") or out["data"]["text/plain"] for out in outputs]
    return {"text": "".join(text), "seconds": round(time.monotonic() - started, 1)}


def main() -> None:
    """Start OpenBao, run the notebook, stop OpenBao."""
    name, folder = sys.argv[1], Path(sys.argv[2])
    server = start_openbao(folder)
    try:
        os.environ.update(set_up(folder))
        print(json.dumps(execute(name, folder)))
    finally:
        server.terminate()
        server.wait(10)


if __name__ == "__main__":
    main()
