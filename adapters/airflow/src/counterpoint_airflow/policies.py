"""Retries, time-outs and deadlines in Airflow's terms, and back."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException

from counterpoint.model import is_retryable
from counterpoint_airflow.due import due

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.model import Pipeline, RetryPolicy, Step

# execution_timeout comes this much after core's own, so that core's names the error
GUARD = timedelta(seconds=5)

try:
    from airflow.sdk.definitions.retry_policy import RetryDecision
    from airflow.sdk.definitions.retry_policy import RetryPolicy as NativeRetryPolicy
except ImportError:  # before Airflow 3.3 a task has its own arithmetic of delays only
    NativeRetryPolicy = object


class CoreRetryPolicy(NativeRetryPolicy):
    """Waits as long as core says: min(delay * 2**(k-1), max_delay), stretched by the jitter."""

    def __init__(self, retry: RetryPolicy) -> None:
        self.retry = retry

    def evaluate(self, exception: BaseException, try_number: int, max_tries: int, context: Any = None) -> Any:  # noqa: ARG002
        """Whether and when to try again, by the error."""
        if not is_retryable(exception):
            return RetryDecision.fail(reason="another attempt cannot help")
        return RetryDecision.retry(self.retry.delay_before(max(try_number, 1), random.random()))  # noqa: S311

    def serialize(self) -> dict[str, Any]:
        """What the scheduler keeps of it."""
        return {"delays": self.retry.delays(), "jitter": self.retry.jitter}


def retries(step: Step) -> dict[str, Any]:
    """The retry arguments of a task."""
    if not step.retry.retries:
        return {"retries": 0}
    found: dict[str, Any] = {
        "retries": step.retry.retries,
        "retry_delay": step.retry.delay,
        "retry_exponential_backoff": True,
        "max_retry_delay": step.retry.max_delay,
    }
    if NativeRetryPolicy is object:
        return found
    return {**found, "retry_exponential_backoff": 2.0, "retry_policy": CoreRetryPolicy(step.retry)}


def retry_of(task: Any, kept: RetryPolicy) -> RetryPolicy:
    """The retries that a task has; the size of the jitter is kept beside it."""
    if not task.retries:
        return replace(kept, retries=0)
    return replace(kept, retries=task.retries, delay=task.retry_delay, max_delay=task.max_retry_delay)


def final(error: Exception) -> Exception:
    """The error to raise: one that cannot be healed by another attempt also says so to Airflow before 3.3."""
    if is_retryable(error) or NativeRetryPolicy is not object:
        return error
    failed: Exception = AirflowFailException(f"{type(error).__name__}: {error}")
    return failed


def timeout(step: Step) -> timedelta | None:
    """The execution time-out of a task."""
    return step.timeout + GUARD if step.timeout else None


def timeout_of(task: Any) -> timedelta | None:
    """The time-out that a task's execution time-out guards."""
    return task.execution_timeout - GUARD if task.execution_timeout else None


async def late(context: Mapping[str, Any]) -> None:
    """What the triggerer does when a run is late; one of a backfill, or that a person started, has no deadline."""
    from counterpoint.watching import tell_late

    run = context["dag_run"]
    if run["run_type"] == "scheduled":
        await asyncio.to_thread(tell_late, run["dag_id"], run["data_interval_start"], "airflow")


def deadline(pipeline: Pipeline) -> Any:
    """The deadline alert of a DAG: that long after the run was due by its schedule."""
    if pipeline.deadline is None:
        return None
    from airflow.sdk.definitions.deadline import AsyncCallback, DeadlineAlert

    return DeadlineAlert(due(), pipeline.deadline, AsyncCallback(late))
