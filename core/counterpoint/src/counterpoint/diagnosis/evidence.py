"""The evidence of a run: all its records below the root, read once; the run may still be active."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from counterpoint.diagnosis.find import Place, pipeline_called
from counterpoint.errors import UsageError
from counterpoint.model import PRODUCTION, Pipeline, RunRecord, RunRequest, Status
from counterpoint.runtime import find_pipeline
from counterpoint.runtime.adapter_support import DEPLOYED
from counterpoint.runtime.last_failed import consequences
from counterpoint.runtime.request_store import TARGET
from counterpoint.storage import layout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.storage.objects import Objects
    from counterpoint.target import DeploymentTarget


@dataclass(frozen=True)
class Tries:
    """The failed attempts of a step, or of one element of a mapped step, oldest first."""

    step: str
    index: int | None
    attempts: list[dict[str, Any]]

    @property
    def last(self) -> dict[str, Any]:
        """The last attempt."""
        return self.attempts[-1]


@dataclass(frozen=True)
class Evidence:
    """A run: its request, its record after its end, and the records of its steps."""

    pipeline: Pipeline
    request: RunRequest
    kept: Mapping[str, Any]
    record: RunRecord | None
    steps: Mapping[str, Mapping[str, Any]]
    tries: tuple[Tries, ...] = ()
    # steps that failed according to the orchestrator alone
    silent: frozenset[str] = frozenset()
    # the team's server that made the run, where the environment of the command names it
    target: DeploymentTarget | None = None

    @property
    def is_backfill(self) -> bool:
        """Whether the run is a partition of a backfill."""
        return self.request.version != PRODUCTION

    @property
    def states(self) -> dict[str, Status]:
        """The states of ended steps, and of steps that will not run because of them; open steps are left out."""
        if self.record:
            return {step.name: step.status for step in self.record.steps}
        known = {name: Status.SUCCESS for name, record in self.steps.items() if record["status"] == "success"}
        known |= {tries.step: Status.FAILED for tries in self.tries if tries.last["last"]}
        known |= dict.fromkeys(self.silent, Status.FAILED)
        return consequences(self.pipeline, known, self.request.selects)


def read(objects: Objects, place: Place, target: DeploymentTarget | None = None) -> Evidence:
    """All records of a run; `target` is the team's server of the environment, which may have made it.

    Raises:
        UsageError: its pipeline cannot be found, or the run has left no records.
    """
    name, run_id = place
    paths = objects.list(layout.run_folder(name, run_id))
    kept = objects.get_json(layout.run_request(name, run_id)) or {}
    values = objects.get_json(path) if (path := layout.run_record(name, run_id)) in paths else None
    record = RunRecord.from_dict(values) if values else None
    request, pipeline = _request(objects, place, kept, record)
    records = {step: layout.step_record(name, run_id, step) for step in pipeline.step_names}
    steps = {step: objects.get_json(path) for step, path in records.items() if path in paths}
    tries = [_tries(objects, path) for path in paths if path.endswith(layout.FAILURES)]
    failed = tuple(each for each in tries if each.attempts and not _is_healed(objects, place, each, record))
    made_there = target if target and _is_of(kept, request, target) else None
    return Evidence(pipeline, request, kept, record, steps, failed, target=made_there)


def _is_of(kept: Mapping[str, Any], request: RunRequest, target: DeploymentTarget) -> bool:
    """Whether a team's server made a run: at our request, or by itself."""
    is_there = kept.get(TARGET) == target.name or bool(kept.get(DEPLOYED)) or not kept
    return is_there and request.orchestrator == target.kind


def _request(
    objects: Objects, place: Place, kept: Mapping[str, Any], record: RunRecord | None
) -> tuple[RunRequest, Pipeline]:
    """The request and the pipeline; a backfill requests a run in parts, so its request here covers all steps."""
    if "request" in kept:
        request = RunRequest.from_json(kept["request"])
        request = replace(request, steps=request.steps if request.version == PRODUCTION else None)
        return request, find_pipeline(request.pipeline)
    root = objects.root
    if record:
        request = RunRequest(record.pipeline, record.date, record.run_id, root, record.orchestrator, record.version)
        return request, find_pipeline(record.pipeline)
    name, run_id = place
    called, pipeline = pipeline_called(root, name)
    orchestrator, mark, _ = run_id.partition("-")
    if not mark:
        raise UsageError(f"run {run_id} of {name} has left nothing that says what it was")
    return RunRequest(called, "", run_id, root, orchestrator), pipeline


def _tries(objects: Objects, path: str) -> Tries:
    document = objects.get_json(path) or {}
    attempts = sorted(document.get("attempts", ()), key=lambda attempt: int(attempt["attempt"]))
    return Tries(*layout.element_of(path), attempts)


def _is_healed(objects: Objects, place: Place, tries: Tries, record: RunRecord | None) -> bool:
    """Whether a later attempt succeeded."""
    if record and any(step.name == tries.step and step.status is not Status.FAILED for step in record.steps):
        return True
    step_record = objects.get_json(layout.step_record(*place, tries.step, tries.index)) or {}
    return bool(step_record.get("status") == "success")
