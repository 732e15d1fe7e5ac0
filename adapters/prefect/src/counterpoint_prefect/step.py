"""The function of a Prefect task: it executes one step by core, returns its reference, and shows it on the page."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from prefect.concurrency.sync import concurrency
from prefect.context import TaskRunContext

from counterpoint.model import RunRequest
from counterpoint.runtime import Attempt, execute_in_child, find_pipeline
from counterpoint_prefect.artifacts import note_materialized, show
from counterpoint_prefect.conditions import not_to_run, references_of
from counterpoint_prefect.waits import leave_to_wait, leave_when_waiting

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta


def body(name: str, timeout: timedelta | None, pool: str | None) -> Callable[..., Any]:
    """The function of a step's task.

    Args:
        name: The step.
        timeout: After which the process of the step is ended.
        pool: The global concurrency limit that the step takes a slot of.
    """
    limit = timeout.total_seconds() if timeout else None

    def execute_step(request: str, upstream: dict[str, Any], index: int | None = None) -> Any:
        run_request = RunRequest.from_json(request)
        step = find_pipeline(run_request.pipeline).step(name)
        leave_when_waiting(run_request, name)
        state = not_to_run(run_request, step, upstream)
        if state is not None:
            return state
        leave_to_wait(run_request, name)
        context = TaskRunContext.get()
        number = context.task_run.run_count if context else 1
        attempt = Attempt(run_request, name, references_of(upstream), number, index)
        slot = concurrency(pool, occupy=1, strict=True) if pool else nullcontext()
        with slot:
            reference = execute_in_child(attempt, limit)
        show(run_request, step, reference)
        note_materialized(run_request, step, reference)
        return reference.to_dict()

    return execute_step
