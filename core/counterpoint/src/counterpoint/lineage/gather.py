"""Gathering the metadata of a run from its published outputs, the checkout and the environment."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.lineage.features import contract_versions, feature_sets
from counterpoint.lineage.git import git_state
from counterpoint.lineage.metadata import PipelineRunMetadata
from counterpoint.lineage.outputs import described, elements, external_inputs, made_from, outputs
from counterpoint.lineage.patch import checkout_of, patch_of
from counterpoint.lineage.sources import reach_of_steps, sources_of
from counterpoint.model import BRIDGES, WaitKind, code_digest, code_of
from counterpoint.model.code.finding import path_of
from counterpoint.orchestrators import version_of
from counterpoint.redaction import redacted_values
from counterpoint.storage import json_digest, layout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.model import Pipeline, RunRequest, Step
    from counterpoint.storage import Store

_FROM_REGISTRATION = (
    *("mlflow_runs", "registry_versions", "git", "code", "contracts", "packages"),
    *("sources", "reach", "patch", "contract_versions"),
)


@dataclass(frozen=True, slots=True)
class RunEnvironment:
    """The metadata that runs of one process share, because it takes longer to gather than the rest."""

    git: dict[str, Any]
    packages: dict[str, str]
    sources: dict[str, Any]
    patch: dict[str, Any] | None

    @classmethod
    def of(cls, pipeline: Pipeline, root: str | None = None) -> RunEnvironment:
        """The present environment of a pipeline's runs in this process.

        Args:
            pipeline: The pipeline.
            root: The root of the runs, below which the digests of functions are kept for later ones.
        """
        place = source_of(pipeline)
        state, checkout = git_state(place), checkout_of(place)
        sources = sources_of(pipeline, checkout, root)
        return cls(state, packages(), sources, patch_of(checkout, state, sources))


@cache
def packages() -> dict[str, str]:
    """The distributions of this environment with their versions, by name; each one's metadata is parsed once."""
    described = [distribution.metadata for distribution in distributions()]
    return dict(sorted((each["Name"], each["Version"]) for each in described if each["Name"]))


def gather(
    store: Store, pipeline: Pipeline, request: RunRequest, around: RunEnvironment | None = None
) -> PipelineRunMetadata:
    """The metadata of a run, as far as its steps have published their outputs."""
    around = around or RunEnvironment.of(pipeline, request.root)
    configuration = redacted_values(dict(pipeline.config))
    return PipelineRunMetadata(
        run_id=request.run_id,
        pipeline=request.pipeline,
        partition=request.partition,
        version=request.version,
        orchestrator=request.orchestrator,
        orchestrator_version=version_of(request.orchestrator),
        git=around.git,
        configuration=configuration,
        configuration_hash=json_digest(dict(pipeline.config)),
        code={step.name: code_of(step) for step in pipeline.steps},
        contracts=_contracts(pipeline),
        inputs=_inputs(store, pipeline, request),
        outputs=outputs(store, pipeline, request),
        environment=environment(_devices(store, pipeline, request)),
        packages=around.packages,
        bridged=_bridged(store, pipeline, request),
        env=request.env,
        approvals=_approvals(store, pipeline, request),
        sources=around.sources,
        reach=reach_of_steps(pipeline),
        patch=around.patch,
        made_from=made_from(store, pipeline, request),
        elements=elements(store, pipeline, request),
        feature_sets=feature_sets(store, pipeline, request),
        contract_versions=contract_versions(pipeline),
        external_inputs=external_inputs(store, pipeline, request),
    )


def keep(store: Store, pipeline: Pipeline, request: RunRequest, metadata: PipelineRunMetadata) -> str:
    """Stores the metadata with the run; returns its URI."""
    path = layout.run_lineage(pipeline.name, request.run_id)
    store.put_json(path, metadata.to_dict())
    return store.uri(path)


def keep_whole(store: Store, pipeline: Pipeline, request: RunRequest, around: RunEnvironment | None = None) -> str:
    """Stores the metadata of a run that has ended, with all its outputs; returns its URI.

    Code, checkout and packages are those stored by the run's registration step, if it had one.
    """
    metadata = gather(store, pipeline, request, around)
    stored = store.get_json(layout.run_lineage(pipeline.name, request.run_id))
    of_registration = {name: stored[name] for name in _FROM_REGISTRATION if name in stored} if stored else {}
    return keep(store, pipeline, request, replace(metadata, **of_registration))


def environment(devices: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Python, system and processors of this machine, and the devices of the steps that use PyTorch, by step."""
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "device": ", ".join(sorted({str(device["kind"]) for device in devices.values()})) or "cpu",
        "devices": {name: dict(device) for name, device in devices.items()},
    }


def _devices(store: Store, pipeline: Pipeline, request: RunRequest) -> dict[str, Any]:
    """The device of each step, as recorded by the run that made its output; of a mapped step, by its first element."""
    devices: dict[str, Any] = {}
    for step in pipeline.steps:
        index, part = (None, "") if step.map_over is None else (0, ".0")
        entry = store.entry(step.name, f"{request.partition}{part}")
        path = layout.step_record(pipeline.name, entry.run_id, step.name, index) if entry else None
        record = (store.get_json(path) if path else None) or {}
        if device := record.get("details", {}).get("device"):
            devices[step.name] = device
    return devices


def source_of(pipeline: Pipeline) -> Path:
    """The path of a pipeline's code: the file of its first step, else the working folder."""
    module = pipeline.steps[0].function.partition(":")[0]
    return path_of(module) or Path.cwd()


def _contracts(pipeline: Pipeline) -> dict[str, str]:
    contracts = {step.name: step.output.contract for step in pipeline.steps}
    return {name: code_digest(contract) for name, contract in contracts.items() if contract}


def _inputs(store: Store, pipeline: Pipeline, request: RunRequest) -> dict[str, Any]:
    """The partitions that the windows of this run read, by step."""
    inputs: dict[str, dict[str, Any]] = {}
    for step in pipeline.steps:
        for name, key in _windowed(pipeline, step, request.partition):
            entry = store.entry(name, key)
            if entry:
                inputs.setdefault(name, {})[key] = described(entry)
    return {name: dict(sorted(keys.items())) for name, keys in inputs.items()}


def _windowed(pipeline: Pipeline, step: Step, key: str) -> list[tuple[str, str]]:
    windows = [(step_input.step, step_input.window) for step_input in step.inputs if step_input.window]
    return [(name, read_key) for name, window in windows for read_key in window.keys(pipeline.partitions, key)]


def _bridged(store: Store, pipeline: Pipeline, request: RunRequest) -> dict[str, Any]:
    waits = [step.name for step in pipeline.steps if any(wait.kind in BRIDGES for wait in step.waits)]
    paths = {name: layout.step_bridged(pipeline.name, request.run_id, name) for name in waits}
    records = {name: store.get_json(path) for name, path in paths.items()}
    return {name: record["bridged"] for name, record in records.items() if record}


def _approvals(store: Store, pipeline: Pipeline, request: RunRequest) -> dict[str, Any]:
    """What people decided on the steps of a run, or of the run that it retries, oldest first."""
    steps = [s.name for s in pipeline.steps if any(wait.kind is WaitKind.APPROVAL for wait in s.waits)]
    origin = request.origin or request.run_id
    told = {name: store.get_json(layout.step_approval(pipeline.name, origin, name)) for name in steps}
    return {name: kept["decisions"] for name, kept in told.items() if kept}
