"""The model registry: the decisions of the gate are applied in MLflow, with the champion as an alias."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

from counterpoint.model import Champion, Decision

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from mlflow import MlflowClient

ALIASES = {"production": "champion", "staging": "challenger"}
EXPERIMENT = "streamrec"


def client_of(root: Path) -> MlflowClient:
    """The client of the registry of a lake."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow import MlflowClient

    folder = root / "mlflow"
    folder.mkdir(parents=True, exist_ok=True)
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    if client.get_experiment_by_name(EXPERIMENT) is None:
        client.create_experiment(EXPERIMENT, (folder / "artifacts").as_uri())
    return client


def champions(client: MlflowClient, day: str) -> dict[str, Champion]:
    """The newest production version of each model, among those trained for a day before `day`."""
    newest: dict[str, Champion] = {}
    for version in client.search_model_versions("tags.stage = 'production'"):
        version_day, number, current = version.tags["day"], int(version.version), newest.get(version.name)
        if version_day < day and (current is None or (version_day, number) > (current.partition, current.version)):
            newest[version.name] = Champion(version.name, number, version_day, json.loads(version.tags["metrics"]))
    return newest


def register(client: MlflowClient, day: str, decisions: Iterable[Decision], folders: Mapping[str, Path]) -> None:
    """Logs each model that was trained, and registers those that passed; `folders` by the step that trained it."""
    for decision in decisions:
        if decision.step not in folders:
            continue
        tags = {"day": day, "stage": decision.stage, "metrics": json.dumps(dict(decision.metrics), sort_keys=True)}
        run_id = _logged(client, decision, folders[decision.step], tags)
        if decision.stage != "hold":
            _version(client, decision, run_id, tags)


def _logged(client: MlflowClient, decision: Decision, folder: Path, tags: dict[str, str]) -> str:
    from mlflow.entities import Metric

    experiment: Any = client.get_experiment_by_name(EXPERIMENT)
    run_id = str(client.create_run(experiment.experiment_id, tags=tags, run_name=decision.model).info.run_id)
    moment = time.time_ns() // 1_000_000
    metrics = [Metric(name.replace("@", "_at_"), value, moment, 0) for name, value in decision.metrics.items()]
    client.log_batch(run_id, metrics)
    client.log_artifacts(run_id, str(folder), "model")
    client.set_terminated(run_id)
    return run_id


def _version(client: MlflowClient, decision: Decision, run_id: str, tags: dict[str, str]) -> None:
    if not client.search_registered_models(f"name='{decision.model}'"):
        client.create_registered_model(decision.model)
    source = f"{client.get_run(run_id).info.artifact_uri}/model"
    version = client.create_model_version(decision.model, source, run_id, tags=tags)
    client.set_registered_model_alias(decision.model, ALIASES[decision.stage], str(version.version))
