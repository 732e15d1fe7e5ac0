"""What every adapter needs around a native task: the run request, branch conditions, and the steps that may run."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from counterpoint.errors import UsageError
from counterpoint.model import ArtifactRef, NativeStep, OutputKind, RunDecision, RunRequest, Status, order, verdict
from counterpoint.redaction import sealed
from counterpoint.runtime.context import context_of
from counterpoint.runtime.effects import held_back
from counterpoint.runtime.inputs import choice_of
from counterpoint.runtime.registry import find_pipeline, registered, registered_by_users
from counterpoint.runtime.request_store import keep_request
from counterpoint.runtime.settings import served_configuration, served_with
from counterpoint.storage import layout
from counterpoint.storage.objects import Objects

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from counterpoint.model import Configuration, Pipeline

ROOT = "COUNTERPOINT_ROOT"
PIPELINES = "COUNTERPOINT_PIPELINES"
# kept beside the request of a run that a team's own installation made, by a generated file
DEPLOYED = "deployed"
# how many steps of a run are executed in parallel where an orchestrator leaves that to its adapter
PARALLEL = int(os.environ.get("COUNTERPOINT_PARALLEL", os.cpu_count() or 2))


def native_request(
    pipeline: str,
    partition: str,
    native_id: str,
    orchestrator: str,
    configuration: Configuration | None = None,
    **more: Any,
) -> RunRequest:
    """The request of a run that the orchestrator itself started, by its schedule or from its web page.

    The run uses the configuration that is served when its first step begins, and keeps it if another is served later.

    Args:
        pipeline: The registered name, or `package.module:object`.
        partition: The partition key.
        native_id: The orchestrator's own id of the run; empty when there is none yet.
        orchestrator: The orchestrator's name.
        configuration: Replaces the served configuration and the root that the environment names.
        more: Other fields of the request: `scheduled`, `steps`, and in `config` the settings given on the web page.

    Returns:
        The stored request of this run if there is one, else a new one, which is stored when `native_id` is given.

    Raises:
        UsageError: No configuration is given, and the environment does not name the root.
    """
    root = configuration.root if configuration else os.environ.get(ROOT)
    if not root:
        raise UsageError(f"{ROOT} is not set, so {orchestrator} does not know where data lives: set it to the root")
    objects, name = Objects(root), find_pipeline(pipeline).name
    run_id = f"{orchestrator}-{native_id}"
    stored = objects.get_json(layout.run_request(name, run_id)) if native_id else None
    if stored:
        return replace(RunRequest.from_json(stored["request"]), root=objects.root)
    deployed = configuration is not None
    configuration = configuration or served_configuration(objects, name, orchestrator)
    config = {**sealed(configuration.settings), **more.pop("config", {})}
    request = RunRequest(
        pipeline, partition, run_id, objects.root, orchestrator, config=config, **configuration.carried, **more
    )
    if native_id:
        # services that commands start can run it again; a team's own installation is not theirs to use
        keep_request(objects, name, request, **({"service": False, DEPLOYED: True} if deployed else {"service": True}))
    return request


def configured_pipeline(name: str, orchestrator: str, configuration: Configuration | None = None) -> Pipeline:
    """A pipeline with the settings of a configuration, else with those that an orchestrator's services serve.

    Without a configuration, and without a root in the environment, the pipeline has its defaults.

    Raises:
        UsageError: The configuration has a setting that the pipeline does not have.
    """
    pipeline, root = find_pipeline(name), os.environ.get(ROOT)
    if configuration:
        return pipeline.configured(configuration.settings)
    if not root:
        return pipeline
    served = served_with(Objects(root), pipeline.name, orchestrator)
    return pipeline.configured(pipeline.own(served))


def served_pipelines() -> list[str]:
    """The pipelines that an orchestrator's entry file loads: those the environment names, else those registered."""
    named = [name.strip() for name in os.environ.get(PIPELINES, "").split(",") if name.strip()]
    return named or list(registered_by_users() or registered())


def condition_holds(request: RunRequest, step: str, references: Mapping[str, Any]) -> bool:
    """Whether a step is to run: its branch chose it, and the run may run effects if the step is one."""
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
    reference = references.get(when.step)
    if reference is None and not request.selects(when.step):
        entry = context.store.entry(when.step, request.partition)
        reference = entry.reference if entry else None
    return not isinstance(reference, ArtifactRef) or context.read(reference) == when.choice


def iso(moment: datetime | str | float | None) -> str | None:
    """A moment in ISO 8601, UTC; it may be given as a datetime, as ISO text or as seconds since 1970."""
    if isinstance(moment, int | float):
        moment = datetime.fromtimestamp(moment, UTC)
    elif isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return None if moment is None else moment.astimezone(UTC).isoformat()


def merged(elements: Sequence[NativeStep]) -> NativeStep:
    """One step for the elements of a mapped step: a failed element if there is one, else the one with most attempts.

    It starts with the first element and ends with the last.
    """
    started = min((element.started for element in elements if element.started), default=None)
    ended = max((element.ended for element in elements if element.ended), default=None)
    worst = max(elements, key=lambda element: (element.status is Status.FAILED, element.attempts))
    return replace(worst, started=started, ended=ended)


def step_record(request: RunRequest, step: str, index: int | None = None) -> Mapping[str, Any]:
    """The record of a step of a run, or of one element of a mapped step, as JSON values; empty if there is none."""
    context = context_of(request, step, index)
    return context.store.get_json(layout.step_record(context.pipeline.name, request.run_id, step, index)) or {}


def runnable(pipeline: Pipeline, request: RunRequest, states: Mapping[str, Status]) -> tuple[str, ...]:
    """The selected steps that are to run now: they have not ended, and all their upstream steps have.

    A step that will not run because an upstream step failed or was skipped counts as ended.
    """
    ended, names, choices = dict(states), list[str](), _choices(pipeline, request, states)
    for step in map(pipeline.step, order(pipeline)):
        is_open = request.selects(step.name) and step.name not in ended
        if is_open and all(name in ended or not request.selects(name) for name in step.upstream):
            decision = verdict(step, ended, choices)
            if decision is RunDecision.RUN:
                names.append(step.name)
            else:
                ended[step.name] = Status(decision.value)
    return tuple(names)


def final_states(pipeline: Pipeline, request: RunRequest, ended: Mapping[str, Status]) -> dict[str, Status]:
    """The states of all selected steps: those that have ended, and what follows from these for the others."""
    states, choices = dict(ended), _choices(pipeline, request, ended)
    for name in order(pipeline):
        if request.selects(name) and name not in states:
            decision = verdict(pipeline.step(name), states, choices)
            states[name] = Status.SKIPPED if decision is RunDecision.RUN else Status(decision.value)
    return states


def _choices(pipeline: Pipeline, request: RunRequest, states: Mapping[str, Status]) -> dict[str, str]:
    """The choices of the branch steps that have succeeded."""
    choices: dict[str, str] = {}
    for step in pipeline.steps:
        if step.output.kind is OutputKind.BRANCH and states.get(step.name) == Status.SUCCESS:
            store = context_of(request, step.name).store
            entry = store.entry(step.name, request.partition)
            if entry and (choice := choice_of(store, entry.reference)) is not None:
                choices[step.name] = choice
    return choices
