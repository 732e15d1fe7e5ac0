"""Retries and pools in Prefect's terms, and back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from prefect.utilities.math import lower_clamp_multiple

from counterpoint.model import is_retryable
from counterpoint_prefect.keys import OWNER, POOL, UPSTREAM_FAILED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from prefect import Task
    from prefect.client.schemas.objects import State

    from counterpoint.model import Pipeline, RetryPolicy, Step

# the decimal places of factors and seconds
_DIGITS = 9


def retries(step: Step) -> dict[str, Any]:
    """The retry arguments of a task: core's delays, scaled so that Prefect's jitter stays within core's bounds."""
    if not step.retry.retries:
        return {"retries": 0}
    factor = _factor(step.retry.jitter)
    return {
        "retries": step.retry.retries,
        "retry_delay_seconds": [round(delay / _least(factor), _DIGITS) for delay in step.retry.delays()],
        "retry_jitter_factor": factor or None,
        "retry_condition_fn": may_retry,
    }


def _least(factor: float) -> float:
    """The least share of a delay that Prefect waits: it draws a share between this and 1 + factor."""
    return float(lower_clamp_multiple(1 + factor))


def _factor(jitter: float) -> float:
    """Prefect's jitter factor for which the longest wait is 1 + jitter times the shortest one."""
    low, high = 0.0, jitter
    while high - low > 10**-_DIGITS:
        middle = (low + high) / 2
        low, high = (middle, high) if (1 + middle) / _least(middle) < 1 + jitter else (low, middle)
    return round(high, _DIGITS)


def may_retry(_task: Task[..., Any], _run: Any, state: State[Any]) -> bool:
    """Whether the error of this attempt is retryable; a task that did not run is not retried."""
    if state.name == UPSTREAM_FAILED:
        return False
    error = state.result(raise_on_failure=False)
    return not isinstance(error, BaseException) or is_retryable(error)


def retry_of(task: Task[..., Any], kept: RetryPolicy) -> RetryPolicy:
    """The retry policy of a task; the upper limit of the delay comes from the stored policy."""
    delays, factor = task.retry_delay_seconds, float(task.retry_jitter_factor or 0.0)
    first = delays[0] if isinstance(delays, list) and delays else delays
    if not task.retries:
        return replace(kept, retries=0)
    jitter = round((1 + factor) / _least(factor) - 1, _DIGITS - 2)
    delay = kept.delay if first is None else timedelta(seconds=float(first) * _least(factor))
    return replace(kept, retries=task.retries, delay=delay, jitter=jitter)


def tags(step: Step) -> set[str]:
    """The tags of a task: its pool, its owner, and those of the step as `key:value`."""
    own = {f"{POOL}{step.pool}"} if step.pool else set()
    return own | labels(step.owner, step.tags)


def labels(owner: str | None, pairs: Mapping[str, str]) -> set[str]:
    """An owner and tags as Prefect's tags."""
    return {*([f"{OWNER}{owner}"] if owner else []), *(f"{key}:{value}" for key, value in pairs.items())}


def owner_of(task: Task[..., Any]) -> str | None:
    """The owner that a task's tags name."""
    return next((tag.removeprefix(OWNER) for tag in task.tags if tag.startswith(OWNER)), None)


def labels_of(task: Task[..., Any]) -> dict[str, str]:
    """The tags of a step, from those of its task."""
    pairs = [tag.split(":", 1) for tag in sorted(task.tags) if ":" in tag and not tag.startswith((POOL, OWNER))]
    return dict(pairs)


def pool_of(task: Task[..., Any]) -> str | None:
    """The pool that a task's tags name."""
    return pool_in(task.tags)


def pool_in(tags: Iterable[str]) -> str | None:
    """The pool that tags name."""
    return next((tag.removeprefix(POOL) for tag in tags if tag.startswith(POOL)), None)


def schedule_of(pipeline: Pipeline) -> dict[str, str] | None:
    """The schedule of a pipeline's deployment; None without one."""
    return {"cron": pipeline.schedule.cron, "timezone": pipeline.schedule.timezone} if pipeline.schedule else None
