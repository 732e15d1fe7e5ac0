"""The local runner: the reference by which every adapter is judged.

Steps whose upstream steps have ended run in parallel, each attempt in a process of its own.
"""

from __future__ import annotations

import itertools
import logging
import os
import random
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any

from counterpoint import progress
from counterpoint.model import (
    ArtifactRef,
    ErrorInfo,
    NativeRun,
    NativeStep,
    OutputKind,
    Pipeline,
    RunDecision,
    RunRequest,
    Status,
    Step,
    is_retryable,
    order,
    verdict,
)
from counterpoint.runtime.adapter_support import condition_holds
from counterpoint.runtime.context import context_of
from counterpoint.runtime.cpus import CPUS
from counterpoint.runtime.effects import held_back
from counterpoint.runtime.execute import elements
from counterpoint.runtime.failure import describe
from counterpoint.runtime.registry import find_pipeline
from counterpoint.runtime.subprocess_executor import STOPPING, Attempt, execute_in_child, stop_children
from counterpoint.runtime.waits import Holding, wait_until_admitted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

log = logging.getLogger(__name__)


@contextmanager
def interruptible() -> Iterator[None]:
    """Stops the running steps when the block is interrupted, instead of waiting for them."""
    try:
        yield
    except KeyboardInterrupt:
        stop_children()
        raise


def now() -> str:
    """The moment in ISO 8601, UTC."""
    return datetime.now(UTC).isoformat()


@dataclass
class Ended:
    """How a step ended: its state, its reference (a list for a mapped step) and, of a branch, its choice."""

    status: Status
    native: NativeStep
    reference: Any = None
    choice: str | None = None


@dataclass
class LocalRun:
    """One run on this machine, with at most `parallel` steps at a time.

    `pipeline` decides what runs when; by default it is the pipeline that the request names.
    """

    request: RunRequest
    parallel: int = field(default_factory=lambda: os.cpu_count() or 1)
    ended: dict[str, Ended] = field(default_factory=dict)
    pipeline: Pipeline | None = None
    holding: Holding = field(default_factory=Holding)

    def run(self) -> NativeRun:
        """Runs all selected steps to their end; never raises for a failed step."""
        pipeline = (self.pipeline or find_pipeline(self.request.pipeline)).configured(self.request.config)
        _warn_of_containers(pipeline, self.request)
        slots = {pool.name: BoundedSemaphore(pool.slots) for pool in pipeline.pools}
        started = now()
        with ThreadPoolExecutor(self.parallel) as workers, interruptible():
            self._loop(pipeline, slots, workers)
        steps = {name: self.ended[name].native for name in order(pipeline) if name in self.ended}
        failed = any(step.status is Status.FAILED for step in steps.values())
        return NativeRun(self.request.run_id, failed, started, now(), steps)

    def _loop(self, pipeline: Pipeline, slots: dict[str, BoundedSemaphore], workers: ThreadPoolExecutor) -> None:
        waiting = [pipeline.step(name) for name in order(pipeline) if self.request.selects(name)]
        running: dict[Future[Ended], str] = {}
        progress.plan(log, [(self.request.partition, step.name) for step in waiting])
        while waiting or running:
            for step in [s for s in waiting if self._ready(s)]:
                if self._begin(step, slots, workers, running):
                    waiting.remove(step)
            if running:
                done, _ = wait(running, self.holding.pause(), return_when=FIRST_COMPLETED)
                for future in done:
                    self._end(running.pop(future), future.result())
            elif waiting:
                STOPPING.wait(self.holding.pause() or 0)

    def _ready(self, step: Step) -> bool:
        return all(name in self.ended for name in step.upstream if self.request.selects(name))

    def _begin(
        self,
        step: Step,
        slots: dict[str, BoundedSemaphore],
        workers: ThreadPoolExecutor,
        running: dict[Future[Ended], str],
    ) -> bool:
        """Starts a step, or ends it without starting it; False when it still waits for something."""
        states = {name: ended.status for name, ended in self.ended.items()}
        choices = {name: ended.choice for name, ended in self.ended.items() if ended.choice is not None}
        decision = verdict(step, states, choices)
        if decision is RunDecision.RUN and not self._is_to_run(step):
            decision = RunDecision.SKIP
        if decision is not RunDecision.RUN:
            status = Status(decision.value)
            self._end(step.name, Ended(status, NativeStep(status, 0)))
            return True
        if step.waits and self.holding.holds(self.request, step.name):
            return False
        passed = {name: self.ended[name].reference for name in step.upstream if name in self.ended}
        slot = slots[step.pool] if step.pool else nullcontext()
        progress.start(log, self.request.partition, step.name)
        running[workers.submit(run_step, Task(self.request, step, passed, slot))] = step.name
        return True

    def _is_to_run(self, step: Step) -> bool:
        """Whether a branch outside this run, if any, chose the step, and the run may run it if it is an effect."""
        outside = step.when is not None and not self.request.selects(step.when.step)
        chosen = not outside or condition_holds(self.request, step.name, {})
        return chosen and not held_back(self.request, step)

    def _end(self, name: str, ended: Ended) -> None:
        progress.end(log, self.request.partition, name, ended.native, ended.reference)
        self.ended[name] = ended


def _warn_of_containers(pipeline: Pipeline, request: RunRequest) -> None:
    """Says which steps want an image or GPUs: nothing is provided here but this environment."""
    selected = [step for step in pipeline.steps if request.selects(step.name)]
    wanting = [step.name for step in selected if step.image or (step.resources and step.resources.gpu)]
    if wanting:
        log.warning("the local runner provides no image and no GPU: in this environment run %s", ", ".join(wanting))


@dataclass(frozen=True)
class Task:
    """A step to run, with the references that its upstream steps passed on, and the pool that it waits for."""

    request: RunRequest
    step: Step
    passed: dict[str, Any]
    slot: AbstractContextManager[Any]


def run_step(task: Task) -> Ended:
    """Runs one step, all its elements and attempts, to its end; never raises for its failure."""
    started = now()
    if held_back(task.request, task.step):
        return Ended(Status.SKIPPED, NativeStep(Status.SKIPPED, 0))
    try:
        wait_until_admitted(task.request, task.step.name)
    except Exception as error:  # noqa: BLE001 - what it waits for did not come, or cannot be checked
        return _failed(describe(error), 1, started)
    if task.step.map_over is None:
        return _attempts(task, None)
    try:
        count = elements(task.request, task.step.name, task.passed)
    except Exception as error:  # noqa: BLE001 - the list to map over could not be read: the step failed
        return _failed(describe(error), 1, now())
    return _mapped([_attempts(task, index) for index in range(count)])


def _mapped(parts: list[Ended]) -> Ended:
    failed = [part for part in parts if part.status is Status.FAILED]
    if failed:
        return failed[0]
    attempts = max((part.native.attempts for part in parts), default=1)
    started = parts[0].native.started if parts else now()
    return Ended(Status.SUCCESS, NativeStep(Status.SUCCESS, attempts, started, now()), [p.reference for p in parts])


def _attempts(task: Task, index: int | None) -> Ended:
    started, retry = now(), task.step.retry
    for number in itertools.count(1):
        try:
            return _success(task, _attempt(task, number, index), number, started)
        except Exception as error:  # noqa: BLE001 - every failure of a step goes into its record
            info = describe(error)
            log.warning("%s attempt %d failed: %s: %s", task.step.name, number, info.type, info.message)
            if number > retry.retries or not is_retryable(error):
                return _failed(info, number, started)
        STOPPING.wait(retry.delay_before(number, random.random()).total_seconds())  # noqa: S311 - jitter
    raise AssertionError  # an endless count does not end


def _attempt(task: Task, number: int, index: int | None) -> ArtifactRef:
    timeout = task.step.timeout.total_seconds() if task.step.timeout else None
    cpus = task.step.resources.cpus if task.step.resources else 0.0
    with task.slot, CPUS.taken(cpus):
        return execute_in_child(Attempt(task.request, task.step.name, task.passed, number, index), timeout)


def _success(task: Task, reference: ArtifactRef, number: int, started: str) -> Ended:
    choice = None
    if task.step.output.kind is OutputKind.BRANCH:
        choice = str(context_of(task.request, task.step.name).store.read(reference))
    return Ended(Status.SUCCESS, NativeStep(Status.SUCCESS, number, started, now()), reference, choice)


def _failed(info: ErrorInfo, attempts: int, started: str) -> Ended:
    return Ended(Status.FAILED, NativeStep(Status.FAILED, attempts, started, now(), info))
