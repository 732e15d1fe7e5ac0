"""Retries in Dagster's terms, and back."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, NoReturn

import dagster as dg

from counterpoint.errors import is_retryable
from counterpoint.running import describe

if TYPE_CHECKING:
    from counterpoint.model import RetryPolicy, Step


def retry_policy(retry: RetryPolicy) -> dg.RetryPolicy | None:
    """The policy that the page shows; the waits themselves are core's, see `ask_again`."""
    if not retry.retries:
        return None
    return dg.RetryPolicy(
        max_retries=retry.retries,
        delay=retry.delay.total_seconds(),
        backoff=dg.Backoff.EXPONENTIAL,
        jitter=dg.Jitter.FULL if retry.jitter else None,
    )


def retry_of(native: dg.RetryPolicy | None, kept: RetryPolicy) -> RetryPolicy:
    """The retries that an asset has; upper limit and size of the jitter are kept beside it."""
    if native is None:
        return replace(kept, retries=0)
    delay = timedelta(seconds=float(native.delay or 0))
    jitter = kept.jitter if native.jitter else 0.0
    return replace(kept, retries=native.max_retries, delay=delay, jitter=jitter)


def ask_again(step: Step, error: Exception, retry: int) -> NoReturn:
    """Fails the op: for good, or with a retry after the delay that core computes.

    Raises:
        dagster.RetryRequested: another attempt is due.
        dagster.Failure: none is left, or none can help.
    """
    info = describe(error)
    if is_retryable(error) and retry < step.retry.retries:
        wait = step.retry.delay_before(retry + 1, random.random())  # noqa: S311 - jitter
        raise dg.RetryRequested(step.retry.retries, wait.total_seconds()) from error
    raise dg.Failure(
        f"{info.type}: {info.message}", metadata={"where": info.where or "unknown"}, allow_retries=False
    ) from error
