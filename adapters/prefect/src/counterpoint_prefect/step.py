"""The function of a Prefect task: it executes a step, or a group, by core, and shows on the page what was made."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from prefect.concurrency.sync import concurrency
from prefect.context import TaskRunContext

from counterpoint.model import RunRequest, grouped
from counterpoint.runtime import Attempt, execute_in_child, find_pipeline
from counterpoint.runtime.groups import execute_group, members_of, waiting_step
from counterpoint_prefect.artifacts import note_materialized, show
from counterpoint_prefect.conditions import not_to_run, references_of
from counterpoint_prefect.waits import leave_to_wait, leave_when_waiting

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta


def body(name: str, timeout: timedelta | None, pool: str | None) -> Callable[..., Any]:
    """The function of a step's task.

    Args:
        name: The step, or the group.
        timeout: After which the process of the step is ended.
        pool: The global concurrency limit that the step takes a slot of.
    """
    limit = timeout.total_seconds() if timeout else None

    def execute_step(request: str, upstream: dict[str, Any], index: int | None = None) -> Any:
        run_request = RunRequest.from_json(request)
        pipeline = find_pipeline(run_request.pipeline)
        step, members = grouped(pipeline).step(name), members_of(run_request, name)
        leave_when_waiting(run_request, name)
        state = not_to_run(run_request, step, upstream)
        if state is not None:
            return state
        leave_to_wait(run_request, waiting_step(run_request, name))
        context = TaskRunContext.get()
        number = context.task_run.run_count if context else 1
        references = references_of(upstream)
        slot = concurrency(pool, occupy=1, strict=True) if pool else nullcontext()
        with slot:
            if members:
                made = execute_group(run_request, name, references, again=number > 1, executor=execute_in_child)
            else:
                made = {name: execute_in_child(Attempt(run_request, name, references, number, index), limit)}
        for each, reference in made.items():
            show(run_request, pipeline.step(each), reference)
            note_materialized(run_request, pipeline.step(each), reference)
        return [each.to_dict() for each in made.values()] if members else made[name].to_dict()

    return execute_step
