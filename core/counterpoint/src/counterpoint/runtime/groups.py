"""A group of steps in one native task: how the task executes them, and how each of them ended.

Each step has the attempts, the record and the status that it has in a task of its own. The records of the run say what
became of it; the task itself only says whether all of them succeeded.
"""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING, Any

from counterpoint.errors import GroupError
from counterpoint.model import (
    ArtifactRef,
    NativeStep,
    RunDecision,
    Status,
    groups_of,
    is_retryable,
    verdict,
)
from counterpoint.runtime.context import context_of
from counterpoint.runtime.execute import record_failure
from counterpoint.runtime.failure_recorder import attempts_of
from counterpoint.runtime.inputs import recorded_output
from counterpoint.runtime.registry import find_pipeline
from counterpoint.runtime.subprocess_executor import STOPPING, Attempt, execute_attempt
from counterpoint.storage import layout

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from counterpoint.model import Pipeline, RunRequest, Step

log = logging.getLogger(__name__)


def members_of(request: RunRequest, task: str) -> tuple[str, ...]:
    """The selected steps of the group that a task executes, in order; empty when the task executes a single step."""
    names = groups_of(find_pipeline(request.pipeline)).get(task, ())
    return tuple(name for name in names if request.selects(name))


def waiting_step(request: RunRequest, task: str) -> str:
    """The step whose waits a task has: itself, or the first of a group, after which all others come."""
    return next(iter(members_of(request, task)), task)


def execute_group(
    request: RunRequest,
    group: str,
    references: Mapping[str, Any],
    *,
    again: bool = False,
    executor: Callable[[Attempt, float | None], ArtifactRef] = execute_attempt,
) -> dict[str, ArtifactRef]:
    """Executes the selected steps of a group one after the other, each with the attempts of its own retry policy.

    A step whose upstream steps did not succeed is left out; the others are executed all the same.

    Args:
        request: The run.
        group: The name of the group.
        references: The references of steps outside the group, by step.
        again: Whether this task has begun before and was lost: what succeeded then stands, and attempts go on counting.
        executor: Executes one attempt.

    Returns:
        The references of the outputs, by step.

    Raises:
        GroupError: At least one step failed for good; its failure is recorded.
    """
    pipeline = find_pipeline(request.pipeline)
    names = members_of(request, group)
    passed, states, errors = dict(references), dict[str, Status](), dict[str, Exception]()
    if not again:
        _forget(request, names)
    for step in map(pipeline.step, names):
        decision = verdict(step, states, {})
        if decision is not RunDecision.RUN:
            states[step.name] = Status(decision.value)
            continue
        standing = recorded_output(context_of(request, step.name), step.name) if again else None
        try:
            passed[step.name] = standing or _attempts(request, step, passed, again=again, executor=executor)
            states[step.name] = Status.SUCCESS
        except Exception as error:  # noqa: BLE001 - it is recorded; steps that do not need this one still run
            states[step.name], errors[step.name] = Status.FAILED, error
    if errors:
        raise _failed(group, errors)
    return {name: passed[name] for name in names}


def _failed(group: str, errors: Mapping[str, Exception]) -> GroupError:
    told = "; ".join(f"{name}: {type(error).__name__}: {error}" for name, error in errors.items())
    error = GroupError(f"in group {group} failed {told}")
    error.__cause__ = next(iter(errors.values()))
    return error


def _attempts(
    request: RunRequest,
    step: Step,
    passed: Mapping[str, Any],
    *,
    again: bool,
    executor: Callable[[Attempt, float | None], ArtifactRef],
) -> ArtifactRef:
    """The reference of a step's output, after as many attempts as its retry policy allows.

    Raises:
        Exception: The error of the last attempt.
    """
    limit = step.timeout.total_seconds() if step.timeout else None
    number = 1 + (_failures(request, step.name) if again else 0)
    while True:
        try:
            return executor(Attempt(request, step.name, passed, number), limit)
        except Exception as error:
            log.warning("%s attempt %d failed: %s: %s", step.name, number, type(error).__name__, error)
            if number > step.retry.retries or not is_retryable(error):
                raise
        STOPPING.wait(step.retry.delay_before(number, random.random()).total_seconds())  # noqa: S311 - jitter
        number += 1


def _failures(request: RunRequest, step: str) -> int:
    context = context_of(request, step)
    attempts = attempts_of(context.store, layout.step_failures(context.pipeline.name, request.run_id, step))
    return max((attempt["attempt"] for attempt in attempts), default=0)


def _forget(request: RunRequest, names: tuple[str, ...]) -> None:
    """Removes what an earlier task of the same run recorded, so that no record is taken for one of this task."""
    for name in names:
        context = context_of(request, name)
        for path_of in (layout.step_record, layout.step_failures):
            context.store.delete(path_of(context.pipeline.name, request.run_id, name))


def ungrouped(request: RunRequest, tasks: Mapping[str, NativeStep]) -> dict[str, NativeStep]:
    """How the steps of a run ended, from how its tasks did.

    Args:
        request: The run.
        tasks: By task.
    """
    pipeline = find_pipeline(request.pipeline)
    groups, ended = groups_of(pipeline), dict[str, NativeStep]()
    for name, native in tasks.items():
        ended |= _ended(request, pipeline, native, members_of(request, name)) if name in groups else {name: native}
    return ended


def _ended(
    request: RunRequest, pipeline: Pipeline, native: NativeStep, names: tuple[str, ...]
) -> dict[str, NativeStep]:
    if native.status not in {Status.SUCCESS, Status.FAILED}:
        return dict.fromkeys(names, native)
    ended: dict[str, NativeStep] = {}
    for name in names:
        record = _record(request, name)
        decision = verdict(pipeline.step(name), {other: step.status for other, step in ended.items()}, {})
        if record:
            status, times = Status(record["status"]), (record.get("started"), record.get("ended"))
            ended[name] = NativeStep(status, record["attempts"], *times)
        elif decision is RunDecision.RUN and not any(step is native for step in ended.values()):
            ended[name] = native  # the task was lost while it executed this step
        else:
            ended[name] = NativeStep(Status.UPSTREAM_FAILED if decision is RunDecision.RUN else Status(decision), 0)
    return ended


def _record(request: RunRequest, step: str) -> Mapping[str, Any]:
    context = context_of(request, step)
    record: Mapping[str, Any] = context.store.get_json(layout.step_record(context.pipeline.name, request.run_id, step))
    return record or {}


def lost_step(request: RunRequest, group: str) -> str | None:
    """The step that a lost task was executing, or that failed without a record; None when all steps have a record."""
    pipeline, states = find_pipeline(request.pipeline), dict[str, Status]()
    for name in members_of(request, group):
        record = _record(request, name)
        decision = verdict(pipeline.step(name), states, {})
        if not record and decision is RunDecision.RUN:
            return name
        states[name] = Status(record["status"]) if record else Status(decision.value)
    return None


def culprit(request: RunRequest, task: str) -> str:
    """The step that a failed task is about: itself, or of a group the first that failed or was lost."""
    names = members_of(request, task)
    failed = (name for name in names if _record(request, name).get("status") == Status.FAILED.value)
    return next(failed, None) or lost_step(request, task) or task


def record_lost(request: RunRequest, group: str, error: Exception) -> None:
    """Records the failure of a group's task as that of the step that it was executing, if that has no record."""
    name = lost_step(request, group)
    if name and not isinstance(error, GroupError):
        record_failure(request, name, error, attempt=1 + _failures(request, name))
