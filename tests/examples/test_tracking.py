"""Runs and versions; MLflow is a double here, the notebooks run against a real one elsewhere."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow.artifacts
import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED, RESOURCE_ALREADY_EXISTS

from examples.lab import artifact, tracking


class FakeMlflow:
    """Keeps runs, files and versions in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.experiments: dict[str, str] = {}
        self.models: list[str] = []
        self.versions: dict[str, SimpleNamespace] = {}
        self.params: dict[str, str] = {}
        self.metrics: list[tuple[str, float, int]] = []
        self.tags: dict[str, str] = {}
        self.status = "RUNNING"
        self.refuse = False

    def get_experiment_by_name(self, name: str) -> Any:
        return SimpleNamespace(experiment_id=self.experiments[name])

    def create_experiment(self, name: str) -> str:
        if name in self.experiments:
            msg = f"Experiment(name={name}) already exists"
            raise MlflowException(msg, error_code=RESOURCE_ALREADY_EXISTS)
        self.experiments[name] = "1"
        return "1"

    def create_run(self, _experiment: str, tags: dict[str, str], run_name: str) -> Any:
        self.tags |= tags | {"name": run_name}
        return SimpleNamespace(info=SimpleNamespace(run_id="r1"))

    def log_batch(self, _run: str, metrics: Any = (), params: Any = ()) -> None:
        self.params |= {param.key: param.value for param in params}
        self.metrics += [(metric.key, metric.value, metric.step) for metric in metrics]

    def log_artifact(self, _run: str, path: str, folder: str) -> None:
        target = self.folder / folder
        target.mkdir(parents=True, exist_ok=True)
        (target / Path(path).name).write_bytes(Path(path).read_bytes())

    def log_text(self, _run: str, content: str, name: str) -> None:
        (self.folder / name).write_text(content, encoding="utf-8")

    def set_tag(self, _run: str, key: str, value: str) -> None:
        self.tags[key] = value

    def create_registered_model(self, name: str) -> None:
        if self.refuse:
            msg = "Permission denied"
            raise MlflowException(msg, error_code=PERMISSION_DENIED)
        if name in self.models:
            msg = f"Registered Model (name={name}) already exists"
            raise MlflowException(msg, error_code=RESOURCE_ALREADY_EXISTS)
        self.models.append(name)

    def create_model_version(
        self, _name: str, source: str, run_id: str, tags: dict[str, str]
    ) -> Any:
        assert source == f"runs:/{run_id}/model"
        version = SimpleNamespace(version=len(self.versions) + 1, tags=dict(tags))
        self.versions[str(version.version)] = version
        return version

    def get_model_version(self, _name: str, version: str) -> Any:
        return self.versions[version]

    def set_terminated(self, _run: str, status: str) -> None:
        self.status = status


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeMlflow:
    fake = FakeMlflow(tmp_path / "server")
    fake.folder.mkdir()

    def download(artifact_uri: str, dst_path: str) -> str:
        assert artifact_uri.startswith("models:/lm/")
        (Path(dst_path) / "model.npz").write_bytes(
            (fake.folder / "model" / "model.npz").read_bytes()
        )
        return dst_path

    monkeypatch.setattr(tracking, "MlflowClient", lambda: fake)
    monkeypatch.setattr(mlflow.artifacts, "download_artifacts", download)
    return fake


@pytest.fixture
def registered(server: FakeMlflow, tmp_path: Path) -> tracking.Version:
    assert not server.models
    path = tmp_path / "model.npz"
    path.write_bytes(b"weights")
    with tracking.run("textgen", "first", {"epochs": 2}, {"pseudonym": "ab12"}) as run:
        return run.register("lm", path, artifact.sha256(path))


def test_parameters_metrics_and_tags_are_logged(server: FakeMlflow) -> None:
    with tracking.run("textgen", "first", {"epochs": 2, "rate": 0.1}, {"pseudonym": "ab"}) as run:
        run.metrics({"loss": 2.0}, 1)
        run.metrics({"loss": 1.0}, 2)
        run.text("a,b\n", "confusion.csv")
    assert server.params == {"epochs": "2", "rate": "0.1"}
    assert server.metrics == [("loss", 2.0, 1), ("loss", 1.0, 2)]
    assert server.tags == {"pseudonym": "ab", "name": "first"}
    assert (server.folder / "confusion.csv").read_text(encoding="utf-8") == "a,b\n"
    assert server.status == "FINISHED"


def test_an_exception_ends_the_run_as_failed(server: FakeMlflow) -> None:
    msg = "out of memory"
    with pytest.raises(MemoryError), tracking.run("textgen", "first", {}, {}):
        raise MemoryError(msg)
    assert server.status == "FAILED"


def test_an_experiment_is_made_once(server: FakeMlflow) -> None:
    for name in ("first", "second"):
        with tracking.run("textgen", name, {}, {}):
            pass
    assert server.experiments == {"textgen": "1"}


def test_a_version_carries_its_checksum(server: FakeMlflow, registered: tracking.Version) -> None:
    assert registered.version == "1"
    assert server.versions["1"].tags == {"sha256": registered.sha256}
    assert server.tags["model.sha256"] == registered.sha256


def test_a_model_is_registered_once_and_versions_count_up(
    server: FakeMlflow, registered: tracking.Version, tmp_path: Path
) -> None:
    with tracking.run("textgen", "second", {}, {}) as run:
        second = run.register("lm", tmp_path / "model.npz", registered.sha256)
    assert server.models == ["lm"]
    assert second.version == "2"


def test_a_refusal_is_no_sign_that_it_is_there(server: FakeMlflow, tmp_path: Path) -> None:
    server.refuse = True
    path = tmp_path / "model.npz"
    path.write_bytes(b"weights")
    with (
        pytest.raises(MlflowException, match="Permission denied"),
        tracking.run("textgen", "first", {}, {}) as run,
    ):
        run.register("lm", path, artifact.sha256(path))
    assert server.status == "FAILED"


def test_what_was_registered_is_fetched(
    server: FakeMlflow, registered: tracking.Version, tmp_path: Path
) -> None:
    assert server.versions
    folder = tmp_path / "fetched"
    folder.mkdir()
    assert tracking.fetch(registered, folder).read_bytes() == b"weights"


def test_a_file_changed_on_the_server_is_refused(
    server: FakeMlflow, registered: tracking.Version, tmp_path: Path
) -> None:
    (server.folder / "model" / "model.npz").write_bytes(b"w3ights")
    folder = tmp_path / "fetched"
    folder.mkdir()
    with pytest.raises(artifact.TamperedError, match="do not load it"):
        tracking.fetch(registered, folder)


def test_a_changed_record_is_refused_before_anything_is_downloaded(
    server: FakeMlflow, registered: tracking.Version, tmp_path: Path
) -> None:
    server.versions["1"].tags["sha256"] = "0" * 64
    with pytest.raises(artifact.TamperedError, match="is recorded with SHA-256"):
        tracking.fetch(registered, tmp_path / "never-made")
