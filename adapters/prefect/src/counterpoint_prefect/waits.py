"""Flows with a waiting step: the run's process ends, and the run is rescheduled for the next poll."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext
from prefect.exceptions import Pause
from prefect.states import Completed, Failed, Scheduled

from counterpoint.errors import StepError
from counterpoint.model import Status, StepRecord, downstream, groups_of, task_of
from counterpoint.runtime import context_of, element_records, final_states, find_pipeline, step_record
from counterpoint.runtime.waits import admit, held, still
from counterpoint_prefect.keys import WAITS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from prefect.client.schemas.objects import State

    from counterpoint.model import RunRequest, Step
    from counterpoint.runtime.waits import Waiting

# the shortest delay of a rescheduled run; a worker starts a due run at once
_SOONEST = 1.0


class StepWaitsError(StepError):
    """A task ends because its step or an upstream step waits; it runs again with the rescheduled flow run."""

    failure = "missing_input"  # another attempt of the task cannot help


def leave_when_waiting(request: RunRequest, step: str) -> None:
    """Ends a task downstream of a waiting step; by an error, because Prefect would store a returned result.

    Raises:
        StepWaitsError: an upstream step waits.
    """
    pipeline = find_pipeline(request.pipeline)
    names = groups_of(pipeline).get(step, (step,))
    before = [name for name in held(request) if set(names) & set(downstream(pipeline, name)) and name not in names]
    if before:
        raise StepWaitsError(f"waits for {', '.join(before)}")


def leave_to_wait(request: RunRequest, step: str) -> None:
    """Ends the task of a step that has to wait.

    Raises:
        StepWaitsError: the step has to wait.
        MissingInputError: the step has waited for its whole time-out.
    """
    waiting = admit(request, step)
    if waiting:
        raise StepWaitsError(str(waiting))


def until_nothing_waits(request: RunRequest, run: Callable[[Mapping[str, Any]], Any]) -> Any:
    """The final state of a flow run, or a rescheduled run while a step waits.

    Args:
        request: The request of the run.
        run: Runs the flow; its argument holds the states of the steps that ended before the run was rescheduled.

    Raises:
        Pause: a step waits; the run is rescheduled, and this process must end.
    """
    state = None
    while True:
        held_steps = _poll(request)
        if not held_steps or None in held_steps:
            state = run(_ended(request))
            held_steps = _poll(request)
        if not held_steps:
            return state
        waits = [waiting for waiting in held_steps if waiting]
        pause = min((waiting.pause for waiting in waits), default=0.0) if len(waits) == len(held_steps) else 0.0
        _reschedule(max(pause, _SOONEST), "; ".join(map(str, waits)))


def _poll(request: RunRequest) -> list[Waiting | None]:
    """The waits of all waiting steps; None for a step that may go on."""
    return [still(request, name) for name in held(request)]


def _reschedule(seconds: float, message: str) -> None:
    """Reschedules the run of a deployment; a run in this process sleeps instead."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is None or run.deployment_id is None:
        time.sleep(seconds)
        return
    due = datetime.now(UTC) + timedelta(seconds=seconds)
    state: State[Any] = Scheduled(name=WAITS, message=message, scheduled_time=due)
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run.id, state, force=True)
    raise Pause(state=state)


def _ended(request: RunRequest) -> dict[str, State[Any]]:
    """The states of the tasks that ended before the run was rescheduled, including skipped ones; else empty."""
    waiting, pipeline = held(request), find_pipeline(request.pipeline)
    if not waiting:
        return {}
    pending = {name for first in waiting for name in (first, *downstream(pipeline, first))}
    steps = [step for step in pipeline.steps if request.selects(step.name) and step.name not in pending]
    ended = {step.name: records for step in steps if (records := _records(request, step))}
    known = {
        name: max((r.status for r in records), key=lambda s: s is Status.FAILED) for name, records in ended.items()
    }
    states = final_states(pipeline, request, known)
    done: dict[str, State[Any]] = {}
    for step in steps:
        state = _state(step, states[step.name], ended.get(step.name, []))
        done[task_of(step)] = _worse(done.get(task_of(step)), state)
    return done


def _worse(one: State[Any] | None, other: State[Any]) -> State[Any]:
    """The state of a task that executed several steps: failed when one of them has."""
    return one if one is not None and one.is_failed() else other


def _records(request: RunRequest, step: Step) -> list[StepRecord]:
    if step.map_over:
        records = element_records(context_of(request, step.name).store, request.run_id, step.name)
    else:
        records = [dict(step_record(request, step.name))]
    return [StepRecord.from_dict(record) for record in records if record]


def _state(step: Step, status: Status, records: list[StepRecord]) -> State[Any]:
    if status in {Status.FAILED, Status.UPSTREAM_FAILED}:
        return Failed(message=f"{step.name} failed before the run was rescheduled")
    if status is Status.SKIPPED:
        return Completed(data={"skipped": True})
    outputs = [record.output.to_dict() for record in records if record.output]
    return Completed(data=outputs if step.map_over else outputs[0])
