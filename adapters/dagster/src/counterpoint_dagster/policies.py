"""Retries in Dagster's terms, and back."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

import dagster as dg

from counterpoint.model import grouped, is_retryable, stages, task_of
from counterpoint.runtime import describe
from counterpoint.runtime.adapter_support import PARALLEL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from counterpoint.model import Pipeline, RetryPolicy, Step

# The modules that every step's process would import itself; the second one, with SQLAlchemy and Alembic, when it opens
# the instance. A missing module (the name is Dagster's own) is skipped, and then each step takes 0.5 s longer.
_IMPORTED = ["counterpoint_dagster.definitions", "dagster._core.storage.sqlite_storage"]

# how each step gets a process in a team's own installation
FORKED: dict[str, Any] = {"start_method": {"forkserver": {}}}


def retry_policy(retry: RetryPolicy) -> dg.RetryPolicy | None:
    """The policy that the page shows; core computes the delays, see `raise_retry`."""
    if not retry.retries:
        return None
    return dg.RetryPolicy(
        max_retries=retry.retries,
        delay=retry.delay.total_seconds(),
        backoff=dg.Backoff.EXPONENTIAL,
        jitter=dg.Jitter.FULL if retry.jitter else None,
    )


def retry_of(native: dg.RetryPolicy | None, kept: RetryPolicy) -> RetryPolicy:
    """The retry policy of an asset; the delay's upper limit and the jitter's size come from the stored policy."""
    if native is None:
        return replace(kept, retries=0)
    delay = timedelta(seconds=float(native.delay or 0))
    jitter = kept.jitter if native.jitter else 0.0
    return replace(kept, retries=native.max_retries, delay=delay, jitter=jitter)


def execution(pipeline: Pipeline, steps: Sequence[str]) -> dict[str, Any]:
    """The run config that executes steps: in the run's own process, which costs least, when no two are parallel.

    Otherwise each step has a process, forked from one that has already imported Dagster and the definitions.
    """
    parallel = is_parallel(pipeline, steps)
    multiprocess = {"max_concurrent": PARALLEL, "start_method": {"forkserver": {"preload_modules": _IMPORTED}}}
    return {"execution": {"config": {"multiprocess": multiprocess} if parallel else {"in_process": {}}}}


def is_parallel(pipeline: Pipeline, steps: Sequence[str]) -> bool:
    """Whether two of some steps may be executed side by side."""
    tasks = {task_of(pipeline.step(name)) for name in steps}
    return any(len(set(stage) & tasks) > 1 for stage in stages(grouped(pipeline)))


def executor(pipeline: Pipeline) -> dg.ExecutorDefinition:
    """What executes the runs of a team's own installation: as `execution`, with Dagster's own defaults."""
    if is_parallel(pipeline, pipeline.step_names):
        return dg.multiprocess_executor.configured(FORKED)
    return dg.in_process_executor


def raise_retry(step: Step, error: Exception, retry: int) -> NoReturn:
    """Fails the op: for good, or with a retry after the delay that core computes.

    Raises:
        dagster.RetryRequested: another attempt is due.
        dagster.Failure: no attempt is left, or another one cannot help.
    """
    info = describe(error)
    if is_retryable(error) and retry < step.retry.retries:
        delay = step.retry.delay_before(retry + 1, random.random())  # noqa: S311 - jitter
        raise dg.RetryRequested(step.retry.retries, delay.total_seconds()) from error
    raise dg.Failure(
        f"{info.type}: {info.message}", metadata={"where": info.where or "unknown"}, allow_retries=False
    ) from error
