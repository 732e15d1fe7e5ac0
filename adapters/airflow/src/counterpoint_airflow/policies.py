"""Retries and time-outs in Airflow's terms, and back."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException

from counterpoint.model import is_retryable

if TYPE_CHECKING:
    from counterpoint.model import RetryPolicy, Step

# execution_timeout is this much longer than core's own time-out, so that core's time-out names the error
GUARD = timedelta(seconds=5)

try:
    from airflow.sdk.definitions.retry_policy import RetryDecision
    from airflow.sdk.definitions.retry_policy import RetryPolicy as NativeRetryPolicy
except ImportError:  # before Airflow 3.3 a task has no retry policy, only Airflow's own arithmetic
    NativeRetryPolicy = object


class CoreRetryPolicy(NativeRetryPolicy):
    """Waits as long as core says: min(delay * 2**(k-1), max_delay), stretched by the jitter."""

    def __init__(self, retry: RetryPolicy) -> None:
        self.retry = retry

    def evaluate(self, exception: BaseException, try_number: int, max_tries: int, context: Any = None) -> Any:  # noqa: ARG002
        """Decides by the error whether and when to try again."""
        if not is_retryable(exception):
            return RetryDecision.fail(reason="another attempt cannot help")
        return RetryDecision.retry(self.retry.delay_before(max(try_number, 1), random.random()))  # noqa: S311

    def serialize(self) -> dict[str, Any]:
        """The delays and the jitter, which the scheduler stores."""
        return {"delays": self.retry.delays(), "jitter": self.retry.jitter}


def retries(step: Step) -> dict[str, Any]:
    """The retry arguments of a task."""
    if not step.retry.retries:
        return {"retries": 0}
    arguments: dict[str, Any] = {
        "retries": step.retry.retries,
        "retry_delay": step.retry.delay,
        "retry_exponential_backoff": True,
        "max_retry_delay": step.retry.max_delay,
    }
    if NativeRetryPolicy is object:
        return arguments
    return {**arguments, "retry_exponential_backoff": 2.0, "retry_policy": CoreRetryPolicy(step.retry)}


def retry_of(task: Any, kept: RetryPolicy) -> RetryPolicy:
    """The retry policy of a task; the size of the jitter comes from the stored policy."""
    if not task.retries:
        return replace(kept, retries=0)
    return replace(kept, retries=task.retries, delay=task.retry_delay, max_delay=task.max_retry_delay)


def to_airflow_exception(error: Exception) -> Exception:
    """The error to raise; before Airflow 3.3, an error that cannot be retried becomes an AirflowFailException."""
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
