"""Steps that wait: their op ends at once without an output, and a sensor launches them when core admits them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from counterpoint.model import RunDecision, Status, order, task_of, verdict
from counterpoint.runtime import runnable
from counterpoint.runtime.waits import admit, held, polls_of, still
from counterpoint_dagster.keys import FIRST, WAITING, WAITS_FOR
from counterpoint_dagster.runs import chain_states, tags_after

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import dagster as dg

    from counterpoint.model import Pipeline, RunRequest, Step
    from counterpoint_dagster.binding import Binding

_LEAST_SECONDS = 2


def must_wait(context: dg.AssetExecutionContext, request: RunRequest, step: Step) -> bool:
    """Whether a step must wait, and ends without an output for now; its run is then marked for the sensor.

    Raises:
        MissingInputError: the step has waited for its whole time-out.
    """
    from counterpoint.runtime import find_pipeline

    waiting = admit(request, step.name)
    if waiting:
        first = context.run.tags.get(FIRST, context.run.run_id)
        tags = {WAITING: find_pipeline(request.pipeline).name, WAITS_FOR: f"{step.name}: {', '.join(waiting.words)}"}
        context.instance.add_run_tags(first, tags)
        context.log.info("%s %s; a sensor will launch it", step.name, waiting)
    return waiting is not None


def ended(request: RunRequest, states: Mapping[str, Status]) -> dict[str, Status]:
    """The states without those of waiting steps, whose ops succeeded in Dagster without an output."""
    waiting = held(request) if Status.SKIPPED in states.values() else {}
    return {name: state for name, state in states.items() if state is not Status.SKIPPED or name not in waiting}


def to_follow(pipeline: Pipeline, request: RunRequest, states: Mapping[str, Status]) -> tuple[str, ...]:
    """The steps that may run now, without waiting steps, which another sensor launches."""
    waiting = held(request)
    names = [name for name in runnable(pipeline, request, states) if name not in waiting]
    return _with_groups(pipeline, request, states, names)


def after_waiting(pipeline: Pipeline, request: RunRequest, states: Mapping[str, Status]) -> tuple[str, ...]:
    """The steps that may run now; blocks until the waiting steps may go on."""
    for name in held(request):
        while waiting := still(request, name):
            time.sleep(waiting.pause)
    return _with_groups(pipeline, request, states, runnable(pipeline, request, states))


def _with_groups(
    pipeline: Pipeline, request: RunRequest, states: Mapping[str, Status], names: Iterable[str]
) -> tuple[str, ...]:
    """The steps with all others of their groups that have not ended: one op executes them together."""
    names = set(names)
    tasks = {task_of(pipeline.step(name)) for name in names}
    together = (step.name for step in pipeline.steps if step.group in tasks and request.selects(step.name))
    names |= {name for name in together if name not in states}
    return tuple(name for name in order(pipeline) if name in names)


def sensors(pipeline: Pipeline, binding: Binding, job: Any) -> list[dg.SensorDefinition]:
    """The sensor that launches waiting steps; an empty list when no step of the pipeline can wait."""
    import dagster as dg

    polls = polls_of(pipeline)
    if not polls:
        return []

    @dg.sensor(
        name=f"{pipeline.name}_waits",
        job=job,
        minimum_interval_seconds=max(_LEAST_SECONDS, int(min(polls).total_seconds())),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Launches waiting steps when their inputs are ready or their wait has timed out.",
    )
    def go_on(context: Any) -> Any:
        results = [_next_run(context.instance, pipeline, binding, run) for run in _marked(context.instance, pipeline)]
        requests = [result for result in results if isinstance(result, dg.RunRequest)]
        return requests or dg.SkipReason("; ".join(result for result in results if result) or "no step waits")

    return [go_on]


def _marked(instance: dg.DagsterInstance, pipeline: Pipeline) -> list[dg.DagsterRun]:
    import dagster as dg

    return list(instance.get_runs(dg.RunsFilter(tags={WAITING: pipeline.name})))


def _next_run(instance: dg.DagsterInstance, pipeline: Pipeline, binding: Binding, first: dg.DagsterRun) -> Any:
    """The request of the run that continues a run with waiting steps, or a text that says what they wait for."""
    import dagster as dg

    request = binding.request_of(first)
    following = instance.get_runs(dg.RunsFilter(tags={FIRST: first.run_id}))
    if not all(run.is_finished for run in (first, *following)):
        return f"{request.partition}: one of its runs is active"
    waiting_steps = held(request)
    if not waiting_steps:
        instance.add_run_tags(first.run_id, {WAITING: "over"})
        return ""
    waits = {name: waiting for name in waiting_steps if (waiting := still(request, name))}
    if len(waits) == len(waiting_steps):
        return "; ".join(f"{request.partition} {name} {waiting}" for name, waiting in waits.items())
    states = ended(request, chain_states(instance, pipeline, binding, first))
    return dg.RunRequest(
        run_key=f"{first.run_id}-{len(following)}-{'-'.join(sorted(waiting_steps.keys() - waits.keys()))}",
        partition_key=request.partition,
        asset_selection=binding.keys(_reachable(pipeline, request, states, waits)),
        tags=tags_after(request, first),
    )


def _reachable(
    pipeline: Pipeline, request: RunRequest, states: Mapping[str, Status], waits: Mapping[str, Any]
) -> list[str]:
    """The steps that have not ended, do not wait, and are not downstream of a waiting step."""
    known, reachable = dict(states), list[str]()
    for step in map(pipeline.step, order(pipeline)):
        before = [name for name in step.upstream if request.selects(name)]
        is_open = request.selects(step.name) and step.name not in known and step.name not in waits
        if not is_open or not all(name in known or name in reachable for name in before):
            continue
        decision = verdict(step, known, {}) if known.keys() >= set(before) else RunDecision.RUN
        if decision is RunDecision.RUN:
            reachable.append(step.name)
        else:
            known[step.name] = Status(decision.value)
    return reachable
