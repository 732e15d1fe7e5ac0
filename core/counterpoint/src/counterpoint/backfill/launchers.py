"""Starts units and reports how they ended: as steps on this machine, or as runs of an orchestrator."""

from __future__ import annotations

import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from counterpoint.backfill.queue import Granularity, LaunchUnit
from counterpoint.model import BackfillOrder, NativeRun, RunRequest, Status
from counterpoint.runtime.local import Ended, Task, run_step
from counterpoint.runtime.subprocess_executor import STOPPING, stop_children
from counterpoint.runtime.waits import Holding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.backfill.plan import PartitionStep, Plan
    from counterpoint.services.engines import ProcessEngine, ServiceEngine

POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Outcome:
    """How a unit ended, with the choices of branches and the outputs that are known."""

    unit: LaunchUnit
    native: NativeRun
    choices: Mapping[str, str] = field(default_factory=dict)
    references: Mapping[str, Any] = field(default_factory=dict)


class Launcher(Protocol):
    """Runs units; `version` is that of the engine that runs them."""

    grain: Granularity
    version: str

    def holds(self, unit: LaunchUnit, request: RunRequest) -> bool:  # noqa: ARG002 - for those that start steps themselves
        """Whether a unit waits for something outside the backfill and must not be started yet."""
        return False

    def start(self, unit: LaunchUnit, request: RunRequest) -> None:
        """Starts a unit; `request` is that of its steps."""

    def ended(self) -> list[Outcome]:
        """Waits until a unit has ended; returns all units that have."""

    def stop(self) -> None:
        """Ends the running units; nobody waits for them any more."""


class LocalLauncher(Launcher):
    """Each step in a process of its own on this machine."""

    grain = Granularity.STEP

    def __init__(self, plan: Plan, slots: int, version: str) -> None:
        self.pipeline, self.version = plan.pipeline, version
        self._chosen: dict[str, tuple[str, ...]] = {}
        for cell in plan.cells:
            self._chosen[cell.key] = (*self._chosen.get(cell.key, ()), cell.step)
        self._workers = ThreadPoolExecutor(slots)
        self._running: dict[Future[Ended], tuple[LaunchUnit, RunRequest]] = {}
        self._references: dict[PartitionStep, Any] = {}
        self._holding = Holding()

    def holds(self, unit: LaunchUnit, request: RunRequest) -> bool:
        """Whether the step of a unit waits for something."""
        (cell,) = unit.cells
        return bool(self.pipeline.step(cell.step).waits) and self._holding.holds(request, cell.step)

    def start(self, unit: LaunchUnit, request: RunRequest) -> None:
        """Starts the one step of a unit, with the references of its upstream steps."""
        (cell,) = unit.cells
        step = self.pipeline.step(cell.step)
        beside = (cell._replace(step=name) for name in step.upstream)
        passed = {other.step: self._references[other] for other in beside if other in self._references}
        # an upstream step outside this plan has an output already, which is read as it is
        task = Task(replace(request, steps=self._chosen[cell.key]), step, passed, nullcontext())
        self._running[self._workers.submit(run_step, task)] = unit, request

    def ended(self) -> list[Outcome]:
        """Waits until a step has ended, or until the next poll for a waiting step."""
        if not self._running:
            STOPPING.wait(self._holding.pause() or 0.0)
        done, _ = wait(self._running, self._holding.pause(), return_when=FIRST_COMPLETED)
        return [self._outcome(future.result(), *self._running.pop(future)) for future in done]

    def _outcome(self, ended: Ended, unit: LaunchUnit, request: RunRequest) -> Outcome:
        (cell,) = unit.cells
        if ended.reference is not None:
            self._references[cell] = ended.reference
        native = ended.native
        failed = ended.status is Status.FAILED
        run = NativeRun(request.run_id, failed, native.started, native.ended, {cell.step: native})
        choices = {cell.step: ended.choice} if ended.choice is not None else {}
        return Outcome(unit, run, choices, {cell.step: ended.reference})

    def stop(self) -> None:
        """Kills the steps that run."""
        stop_children()
        self._workers.shutdown(cancel_futures=True)


class ServiceLauncher(Launcher):
    """Each unit as a run of the orchestrator's services; with `order`, the orchestrator limits how many run at once."""

    grain = Granularity.RUN

    def __init__(self, engine: ServiceEngine, order: BackfillOrder | None = None) -> None:
        self.engine, self.version, self.order = engine, engine.version, order
        self._running: dict[LaunchUnit, tuple[RunRequest, str]] = {}
        self._limits = engine.adapter
        if order:
            # cancels the runs that a killed command has left, too
            engine.answered(lambda: self._limits.cancel(engine.target, order))
            engine.answered(lambda: self._limits.backfill(engine.target, order))

    def start(self, unit: LaunchUnit, request: RunRequest) -> None:
        """Submits a run of the steps of a unit."""
        self._running[unit] = request, self.engine.submit(request)

    def ended(self) -> list[Outcome]:
        """Asks the orchestrator until a run has ended."""
        while True:
            begun = time.monotonic()
            if outcomes := self.seen():
                return outcomes
            time.sleep(self.engine.pause(begun, POLL_SECONDS))

    def seen(self) -> list[Outcome]:
        """The runs that have ended by now."""
        outcomes = []
        for unit, (request, native_id) in list(self._running.items()):
            native = self.engine.observe(request, native_id)
            if native is not None:
                del self._running[unit]
                outcomes.append(Outcome(unit, native))
        return outcomes

    def stop(self) -> None:
        """Cancels what runs."""
        if self.order:
            self._limits.cancel(self.engine.target, self.order)


class ProcessLauncher(Launcher):
    """Each unit as a run of the orchestrator's own engine in this process, one at a time."""

    grain = Granularity.RUN

    def __init__(self, engine: ProcessEngine) -> None:
        self.engine, self.version = engine, engine.version
        self._waiting: list[tuple[LaunchUnit, RunRequest]] = []

    def start(self, unit: LaunchUnit, request: RunRequest) -> None:
        """Keeps the unit for its turn."""
        self._waiting.append((unit, request))

    def ended(self) -> list[Outcome]:
        """Runs the first unit of those that were started."""
        unit, request = self._waiting.pop(0)
        return [Outcome(unit, self.engine.run([request])[0])]

    def stop(self) -> None:
        """Nothing: what runs here ends with this process."""


def states_of(outcome: Outcome) -> dict[str, Status]:
    """The status of each step of a unit; a step that the orchestrator does not report did not run."""
    unreported = Status.UPSTREAM_FAILED if outcome.native.failed else Status.SKIPPED
    known = outcome.native.steps
    return {name: known[name].status if name in known else unreported for name in outcome.unit.steps}
