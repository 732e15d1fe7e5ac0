"""What every adapter needs around a native task: its request, its condition, and which steps may still run."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from counterpoint.errors import UsageError
from counterpoint.model import ArtifactRef, NativeStep, OutputKind, RunDecision, RunRequest, Status, order, verdict
from counterpoint.runtime.context import context_of
from counterpoint.runtime.effects import held_back
from counterpoint.runtime.inputs import choice_of
from counterpoint.runtime.registry import find_pipeline, registered, registered_by_users
from counterpoint.runtime.request_store import keep_request
from counterpoint.runtime.settings import served_with
from counterpoint.storage import layout
from counterpoint.storage.objects import Objects

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from counterpoint.model import Pipeline

ROOT = "COUNTERPOINT_ROOT"
PIPELINES = "COUNTERPOINT_PIPELINES"
# how many steps of a run are executed side by side, where an orchestrator leaves that to its adapter
PARALLEL = int(os.environ.get("COUNTERPOINT_PARALLEL", os.cpu_count() or 2))


def native_request(pipeline: str, partition: str, native_id: str, orchestrator: str, **more: Any) -> RunRequest:
    """The request of a run that the orchestrator itself started: by its schedule, or a person on its page.

    Its settings are those that are served; it keeps those that it had at its first step, whatever is served since.

    Args:
        pipeline: how it is found.
        partition: the key.
        native_id: the orchestrator's own name of the run; empty when there is none yet.
        orchestrator: which one.
        more: other fields of the request: `scheduled`, `steps`, and in `config` what a person gave on the page.

    Raises:
        UsageError: the root is not said in the environment.
    """
    root = os.environ.get(ROOT)
    if not root:
        raise UsageError(f"{ROOT} is not set, so {orchestrator} does not know where data lives: set it to the root")
    objects, name = Objects(root), find_pipeline(pipeline).name
    run_id = f"{orchestrator}-{native_id}"
    kept = objects.get_json(layout.run_request(name, run_id)) if native_id else None
    if kept:
        return replace(RunRequest.from_json(kept["request"]), root=root)
    config = {**served_with(objects, name, orchestrator), **more.pop("config", {})}
    asked = RunRequest(pipeline, partition, run_id, root, orchestrator, config=config, **more)
    if native_id:
        keep_request(objects, name, asked, service=True)
    return asked


def configured_pipeline(name: str, orchestrator: str) -> Pipeline:
    """A pipeline with the settings that an orchestrator's services serve, where the environment says which root."""
    found, root = find_pipeline(name), os.environ.get(ROOT)
    if not root:
        return found
    served = served_with(Objects(root), found.name, orchestrator)
    return found.configured(found.own(served))


def served_pipelines() -> list[str]:
    """The names of the pipelines that an orchestrator's entry file loads: those named, else the user's registered."""
    named = [name.strip() for name in os.environ.get(PIPELINES, "").split(",") if name.strip()]
    return named or list(registered_by_users() or registered())


def condition_holds(request: RunRequest, step: str, references: Mapping[str, Any]) -> bool:
    """Whether a step is to run: the branch that it depends on chose it, and it is no effect in a run without them."""
    return why_skipped(request, step, references) is None


def why_skipped(request: RunRequest, step: str, references: Mapping[str, Any]) -> str | None:
    """Why a step whose trigger rule lets it run is skipped, or None when it runs."""
    if not is_chosen(request, step, references):
        return "its branch chose otherwise"
    return held_back(request, find_pipeline(request.pipeline).step(step))


def is_chosen(request: RunRequest, step: str, references: Mapping[str, Any]) -> bool:
    """Whether the branch that a step depends on chose it; true for a step without a condition."""
    context = context_of(request, step)
    when = context.step.when
    if when is None:
        return True
    found = references.get(when.step)
    if found is None and not request.selects(when.step):
        entry = context.store.entry(when.step, request.partition)
        found = entry.reference if entry else None
    return not isinstance(found, ArtifactRef) or context.read(found) == when.choice


def iso(moment: datetime | str | float | None) -> str | None:
    """A moment as an orchestrator gives it (also seconds since 1970, or text) in ISO 8601, UTC."""
    if isinstance(moment, int | float):
        moment = datetime.fromtimestamp(moment, UTC)
    elif isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return None if moment is None else moment.astimezone(UTC).isoformat()


def merged(elements: Sequence[NativeStep]) -> NativeStep:
    """The step that the elements of a mapped step count as: a failed one if there is one, else that of most attempts.

    It lasts from the first start to the last end.
    """
    started = min((element.started for element in elements if element.started), default=None)
    ended = max((element.ended for element in elements if element.ended), default=None)
    worst = max(elements, key=lambda element: (element.status is Status.FAILED, element.attempts))
    return replace(worst, started=started, ended=ended)


def step_record(request: RunRequest, step: str, index: int | None = None) -> Mapping[str, Any]:
    """What was recorded of a step of a run (of one element, of a mapped step), as JSON values; empty without any."""
    context = context_of(request, step, index)
    return context.store.get_json(layout.step_record(context.pipeline.name, request.run_id, step, index)) or {}


def runnable(pipeline: Pipeline, request: RunRequest, states: Mapping[str, Status]) -> tuple[str, ...]:
    """The selected steps that have not ended and whose upstream steps have, and that are to run now.

    A step that will not run, for one before it failed or was skipped, counts as ended.
    """
    known, found, choices = dict(states), list[str](), _choices(pipeline, request, states)
    for step in map(pipeline.step, order(pipeline)):
        is_open = request.selects(step.name) and step.name not in known
        if is_open and all(name in known or not request.selects(name) for name in step.upstream):
            becomes = verdict(step, known, choices)
            if becomes is RunDecision.RUN:
                found.append(step.name)
            else:
                known[step.name] = Status(becomes.value)
    return tuple(found)


def final_states(pipeline: Pipeline, request: RunRequest, ended: Mapping[str, Status]) -> dict[str, Status]:
    """All states of a run: those that steps ended with, and for the rest what follows from them."""
    states, choices = dict(ended), _choices(pipeline, request, ended)
    for name in order(pipeline):
        if request.selects(name) and name not in states:
            found = verdict(pipeline.step(name), states, choices)
            states[name] = Status.SKIPPED if found is RunDecision.RUN else Status(found.value)
    return states


def _choices(pipeline: Pipeline, request: RunRequest, states: Mapping[str, Status]) -> dict[str, str]:
    """What the branches that have ended well chose."""
    found: dict[str, str] = {}
    for step in pipeline.steps:
        if step.output.kind is OutputKind.BRANCH and states.get(step.name) == Status.SUCCESS:
            store = context_of(request, step.name).store
            entry = store.entry(step.name, request.partition)
            if entry and (choice := choice_of(store, entry.reference)) is not None:
                found[step.name] = choice
    return found
