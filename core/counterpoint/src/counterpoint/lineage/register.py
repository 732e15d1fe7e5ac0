"""Carrying out the gate's decisions: an MLflow run for each model, a version for each that passed, and aliases."""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.lineage.aliases import ROLLED_BACK, Candidate, give_alias
from counterpoint.lineage.gather import gather, keep
from counterpoint.lineage.mlmodel import save_mlmodel
from counterpoint.lineage.registry import TAG, alone, client_of, once, place_of, versions_of
from counterpoint.model import PRODUCTION
from counterpoint.redaction import redacted_values
from counterpoint.storage import layout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlflow import MlflowClient

    from counterpoint.lineage.metadata import PipelineRunMetadata
    from counterpoint.lineage.registry import Place
    from counterpoint.model import ArtifactRef, Decision, Pipeline, RunRequest
    from counterpoint.storage import Store

_LONGEST = 500


def register(
    store: Store,
    pipeline: Pipeline,
    request: RunRequest,
    decisions: Sequence[Decision],
    given: Mapping[str, Any],
) -> dict[str, Any]:
    """Registers the models that passed the gate, and logs the others; a repeated call with equal content has no effect.

    Args:
        store: The store.
        pipeline: The pipeline.
        request: The run.
        decisions: The gate's decisions.
        given: The references of the step's inputs, by parameter.

    Returns:
        The details for the step's record: MLflow run ids and registry versions by model, commit and lineage.
    """
    metadata = gather(store, pipeline, request)
    by_step = {ref.step: ref for ref in given.values() if getattr(ref, "kind", None) == "model"}
    with alone(place_of(store), "registration.lock"):
        registrar = _MlflowRegistrar(store, pipeline, request, metadata)
        registered = {d.model: registrar.file(d, by_step[d.step]) for d in decisions if d.step in by_step}
    metadata = replace(
        metadata,
        mlflow_runs={name: entry["run_id"] for name, entry in registered.items()},
        registry_versions={name: e["version"] for name, e in registered.items() if e["version"] is not None},
    )
    registrar.complete(metadata, registered, by_step)
    return {
        "lineage": keep(store, pipeline, request, metadata),
        "git_commit": metadata.git["commit"],
        "mlflow_runs": dict(metadata.mlflow_runs),
        "registry_versions": dict(metadata.registry_versions),
    }


@dataclass
class _MlflowRegistrar:
    store: Store
    pipeline: Pipeline
    request: RunRequest
    metadata: PipelineRunMetadata

    def __post_init__(self) -> None:
        self.place: Place = place_of(self.store)
        self.client: MlflowClient = client_of(self.place)
        self.experiment = self._experiment()

    def _experiment(self) -> str:
        name = self.pipeline.name
        if self.client.get_experiment_by_name(name) is None:
            once(lambda: self.client.create_experiment(name, self.place.artifacts))
        return str(self.client.get_experiment_by_name(name).experiment_id)  # type: ignore[union-attr]

    def file(self, decision: Decision, reference: ArtifactRef) -> dict[str, Any]:
        """Logs one model and registers it if it passed."""
        tags = self._tags(decision, reference)
        run_id = self._logged(tags) or self._log(decision, reference, tags)
        version = None if decision.stage == "hold" else self._version(decision, run_id, tags)
        return {"run_id": run_id, "version": version}

    def _tags(self, decision: Decision, reference: ArtifactRef) -> dict[str, str]:
        values = {
            "pipeline": self.pipeline.name,
            "version": self.request.version,
            "partition": self.request.partition,
            "step": decision.step,
            "model": decision.model,
            "digest": reference.digest,
            "stage": decision.stage,
            "reason": decision.reason,
            "metrics": json.dumps(dict(decision.metrics), sort_keys=True),
            "orchestrator": self.request.orchestrator,
            "run_id": self.request.run_id,
            "git_commit": str(self.metadata.git["commit"]),
            "git_dirty": str(self.metadata.git["dirty"]),
            "configuration_hash": self.metadata.configuration_hash,
        }
        return {f"{TAG}.{name}": value for name, value in values.items()}

    def _logged(self, tags: Mapping[str, str]) -> str | None:
        """The finished MLflow run of the same model content, partition and stage, or None."""
        same = [f"{TAG}.{name}" for name in ("model", "version", "partition", "digest", "stage", "metrics")]
        query = " and ".join(f"tags.`{name}` = '{tags[name]}'" for name in same)
        finished = f"{query} and attributes.status = 'FINISHED'"
        runs = self.client.search_runs([self.experiment], finished, max_results=1)
        return str(runs[0].info.run_id) if runs else None

    def _log(self, decision: Decision, reference: ArtifactRef, tags: Mapping[str, str]) -> str:
        from mlflow.entities import Metric, Param

        moment = time.time_ns() // 1_000_000
        name = f"{decision.model} {self.request.partition}"
        run_id = str(self.client.create_run(self.experiment, tags=dict(tags), run_name=name).info.run_id)
        numbers = {**decision.metrics, **{f"baseline_{k}": v for k, v in decision.baseline.items()}}
        # MLflow allows no @ in the name of a metric
        metrics = [Metric(key.replace("@", "_at_"), value, moment, 0) for key, value in sorted(numbers.items())]
        step = self.pipeline.step(decision.step)
        settings = {name: self.pipeline.config[name] for name in step.settings}
        params = [Param(key, str(value)[:_LONGEST]) for key, value in sorted(_flat(redacted_values(settings)).items())]
        self.client.log_batch(run_id, metrics, params)
        with tempfile.TemporaryDirectory(prefix="counterpoint-") as local:
            folder = Path(local, "model")
            value, files = self.store.read(reference), self.store.model_files(reference)
            save_mlmodel(folder, step.output, value, files)
            self.client.log_artifacts(run_id, str(folder), "model")
        self.client.set_terminated(run_id)
        return run_id

    def _attach(self, run_id: str, name: str, data: bytes) -> None:
        with tempfile.TemporaryDirectory(prefix="counterpoint-") as local:
            Path(local, name).write_bytes(data)
            self.client.log_artifacts(run_id, local)

    def _version(self, decision: Decision, run_id: str, tags: Mapping[str, str]) -> int:
        standing = versions_of(self.client, self.pipeline.name, self.request.version)
        for version in standing:
            if version.name == decision.model and version.run_id == run_id:
                self._alias(decision, version, standing)
                return int(version.version)
        self._model(decision.model)
        source = f"{self.client.get_run(run_id).info.artifact_uri}/model"
        created = self.client.create_model_version(decision.model, source, run_id, tags=dict(tags))
        self._alias(decision, created, standing)
        return int(created.version)

    def _model(self, name: str) -> None:
        if not self.client.search_registered_models(f"name='{name}'"):
            once(lambda: self.client.create_registered_model(name, {f"{TAG}.pipeline": self.pipeline.name}))

    def _alias(self, decision: Decision, version: Any, standing: Sequence[Any]) -> None:
        if self.request.version == PRODUCTION:
            place = (decision.model, decision.stage, self.request.partition, int(version.version))
            give_alias(self.client, Candidate(*place, ROLLED_BACK in version.tags), standing)

    def complete(
        self, metadata: PipelineRunMetadata, made: Mapping[str, Any], models: Mapping[str, ArtifactRef]
    ) -> None:
        """Stores the lineage beside each model, in the store and in MLflow."""
        stored = self.store.encoded(metadata.to_dict())
        for reference in models.values():
            folder = self.store.path(reference.uri, layout.ARTIFACTS)
            self.store.put(layout.artifact_file(folder, layout.LINEAGE), stored)
        # artifacts in the root are copied and moved with it; another server must know where the root is
        text = stored if self.place.folder else json.dumps(metadata.to_dict(), sort_keys=True, default=str).encode()
        for entry in made.values():
            self._attach(entry["run_id"], layout.LINEAGE, text)


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        flat.update(_flat(value, f"{name}.") if isinstance(value, dict) else {name: value})
    return flat
