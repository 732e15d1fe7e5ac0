"""Retries and pools in Prefect's terms, and back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from counterpoint.model import is_retryable
from counterpoint_prefect.conditions import UPSTREAM_FAILED

if TYPE_CHECKING:
    from prefect import Task
    from prefect.client.schemas.objects import State

    from counterpoint.model import RetryPolicy, Step

POOL = "pool:"


def retries(step: Step) -> dict[str, Any]:
    """The retry arguments of a task: core's own delays, one by one."""
    if not step.retry.retries:
        return {"retries": 0}
    return {
        "retries": step.retry.retries,
        "retry_delay_seconds": list(step.retry.delays()),
        "retry_jitter_factor": step.retry.jitter or None,
        "retry_condition_fn": may_retry,
    }


def may_retry(_task: Task[..., Any], _run: Any, state: State[Any]) -> bool:
    """Whether another attempt can help, by the error of this one; a task that did not run has had none."""
    if state.name == UPSTREAM_FAILED:
        return False
    error = state.result(raise_on_failure=False)
    return not isinstance(error, BaseException) or is_retryable(error)


def retry_of(task: Task[..., Any], kept: RetryPolicy) -> RetryPolicy:
    """The retries that a task has; the upper limit of the delay is kept beside it."""
    delays = task.retry_delay_seconds
    first = delays[0] if isinstance(delays, list) and delays else delays
    delay = timedelta(seconds=float(first)) if task.retries and first is not None else kept.delay
    jitter = float(task.retry_jitter_factor or 0.0) if task.retries else kept.jitter
    return replace(kept, retries=task.retries, delay=delay, jitter=jitter)


def tags(step: Step) -> set[str]:
    """The tags of a task: its pool."""
    return {f"{POOL}{step.pool}"} if step.pool else set()


def pool_of(task: Task[..., Any]) -> str | None:
    """The pool that a task's tags name."""
    return next((tag.removeprefix(POOL) for tag in task.tags if tag.startswith(POOL)), None)
