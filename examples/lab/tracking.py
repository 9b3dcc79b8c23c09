"""Runs, files and models in the project's MLflow.

The address and the client certificate come from the environment (MLFLOW_TRACKING_URI and the
two _CERT_PATH variables); there is no password. The plain client is used rather than
``mlflow.start_run``: that one would add the person's account name to every run.

A model is one file whose SHA-256 is a tag of the model version, so that whoever fetches the
version can tell whether it is the file that was trained.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow.artifacts
from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from . import artifact

_FOLDER = "model"
_TAG = "sha256"
_PRESENT = "RESOURCE_ALREADY_EXISTS"


@dataclass(frozen=True, kw_only=True)
class Version:
    """A version of a registered model; what is needed to fetch it again."""

    name: str
    version: str
    sha256: str


class Run:
    """An open run."""

    def __init__(self, client: MlflowClient, run_id: str) -> None:
        self.client = client
        self.run_id = run_id

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Log metrics, all of them in one request."""
        now = int(time.time() * 1000)
        entries = [Metric(key, value, now, step) for key, value in values.items()]
        self.client.log_batch(self.run_id, metrics=entries)

    def text(self, content: str, name: str) -> None:
        """Log a text as a file of the run."""
        self.client.log_text(self.run_id, content, name)

    def register(self, name: str, path: Path, sha256: str) -> Version:
        """Log a model file and make it the next version of a registered model."""
        self.client.log_artifact(self.run_id, str(path), _FOLDER)
        self.client.set_tag(self.run_id, f"model.{_TAG}", sha256)
        _unless_there(lambda: self.client.create_registered_model(name))
        made = self.client.create_model_version(
            name, f"runs:/{self.run_id}/{_FOLDER}", self.run_id, tags={_TAG: sha256}
        )
        return Version(name=name, version=str(made.version), sha256=sha256)


@contextmanager
def run(
    experiment: str, name: str, parameters: Mapping[str, Any], tags: Mapping[str, str]
) -> Iterator[Run]:
    """Open a run with its parameters; it ends as FINISHED, or as FAILED on an exception."""
    client = MlflowClient()
    _unless_there(lambda: client.create_experiment(experiment))
    experiment_id = client.get_experiment_by_name(experiment).experiment_id
    run_id = client.create_run(experiment_id, tags=dict(tags), run_name=name).info.run_id
    client.log_batch(run_id, params=[Param(key, str(value)) for key, value in parameters.items()])
    status = "FAILED"
    try:
        yield Run(client, run_id)
        status = "FINISHED"
    finally:
        client.set_terminated(run_id, status)


def fetch(wanted: Version, folder: Path) -> Path:
    """Download a version and compare it with both the tag and what the caller expects.

    Raises:
        TamperedError: If the file or the registry's record is not what was registered.
    """
    record = MlflowClient().get_model_version(wanted.name, wanted.version)
    if record.tags.get(_TAG) != wanted.sha256:
        msg = (
            f"{wanted.name!r} version {wanted.version} is recorded with SHA-256 "
            f"{record.tags.get(_TAG)!r}, expected {wanted.sha256}; do not load it"
        )
        raise artifact.TamperedError(msg)
    source = f"models:/{wanted.name}/{wanted.version}"
    got = Path(mlflow.artifacts.download_artifacts(artifact_uri=source, dst_path=str(folder)))
    path = next(got.rglob("*.npz"))
    artifact.check(path, wanted.sha256)
    return path


def _unless_there(create: Callable[[], object]) -> None:
    # Asking first would not do: of what does not exist nobody may read, and MLflow says so.
    try:
        create()
    except MlflowException as exc:
        if exc.error_code != _PRESENT:
            raise
