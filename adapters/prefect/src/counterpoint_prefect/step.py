"""The function of a Prefect task: it executes one step by core, returns its reference, and shows it on the page."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from prefect.concurrency.sync import concurrency
from prefect.context import TaskRunContext

from counterpoint.model import RunRequest
from counterpoint.runtime import Attempt, execute_in_child
from counterpoint_prefect.artifacts import show
from counterpoint_prefect.conditions import not_to_run, references_of
from counterpoint_prefect.waits import leave_to_wait, leave_when_waiting

if TYPE_CHECKING:
    from collections.abc import Callable

    from counterpoint.model import Step


def body(step: Step) -> Callable[..., Any]:
    """The function of a task."""

    def execute_step(request: str, upstream: dict[str, Any], index: int | None = None) -> Any:
        run_request = RunRequest.from_json(request)
        leave_when_waiting(run_request, step.name)
        state = not_to_run(run_request, step, upstream)
        if state is not None:
            return state
        leave_to_wait(run_request, step.name)
        context = TaskRunContext.get()
        number = context.task_run.run_count if context else 1
        attempt = Attempt(run_request, step.name, references_of(upstream), number, index)
        limit = step.timeout.total_seconds() if step.timeout else None
        slot = concurrency(step.pool, occupy=1, strict=True) if step.pool else nullcontext()
        with slot:
            reference = execute_in_child(attempt, limit)
        show(run_request, step, reference)
        return reference.to_dict()

    return execute_step
