"""A backfill by the orchestrator's own backfills, so that its users see it as one."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from counterpoint.backfill.launchers import POLL_SECONDS, Launcher, Outcome, ServiceLauncher
from counterpoint.backfill.queue import Granularity, turns, units
from counterpoint.backfill.strategy import Strategy
from counterpoint.model import BackfillOrder, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from counterpoint.backfill.plan import Plan
    from counterpoint.backfill.queue import LaunchUnit
    from counterpoint.model import NativeBackfill, NativeRun, RunRequest
    from counterpoint.services.engines import ServiceEngine

log = logging.getLogger(__name__)


class NativeLauncher(Launcher):
    """All units by the orchestrator's own backfills, which order units by their windows and limit how many run at once.

    A unit that the queue releases is not started but looked up in its backfill. If the backfill left it out, it becomes
    a separate run.
    """

    grain = Granularity.RUN

    def __init__(self, engine: ServiceEngine, orders: Sequence[BackfillOrder]) -> None:
        self.engine, self.target, self.version, self.orders = engine, engine.target, engine.version, orders
        self.adapter = engine.adapter
        self._place = {
            (key, s): n for n, order in enumerate(orders) for key, names in order.steps.items() for s in names
        }
        self._waiting: dict[LaunchUnit, RunRequest] = {}
        self._native: dict[int, str] = {}
        self._alone = ServiceLauncher(engine)

    def start(self, unit: LaunchUnit, request: RunRequest) -> None:
        """Keeps the unit until its backfill reports it."""
        self._waiting[unit] = request

    def ended(self) -> list[Outcome]:
        """Asks the orchestrator until a unit has ended."""
        while True:
            begun = time.monotonic()
            outcomes = [*self._reported(), *self._alone.seen()]
            if outcomes:
                return outcomes
            time.sleep(self.engine.pause(begun, POLL_SECONDS))

    def stop(self) -> None:
        """Cancels the backfill that runs."""
        if self._native:
            self.adapter.cancel(self.target, self.orders[max(self._native)])

    def _reported(self) -> list[Outcome]:
        if not self._waiting:
            return []
        number = min(self._number(unit) for unit in self._waiting)
        progress = self._progress(number)
        ended = []
        for unit in [unit for unit in self._waiting if self._number(unit) == number]:
            run = progress.runs.get(unit.key)
            if run and set(unit.steps) <= set(run.steps):
                del self._waiting[unit]
                ended.append(Outcome(unit, _only(run, unit)))
            elif progress.over:
                log.warning(
                    "%s %s is not part of the backfill: %s", unit.key, unit.steps, progress.error or "it is over"
                )
                self._alone.start(unit, self._waiting.pop(unit))
        return ended

    def _number(self, unit: LaunchUnit) -> int:
        return self._place[unit.key, unit.steps[0]]

    def _progress(self, number: int) -> NativeBackfill:
        """The progress of a backfill; starts it first, after all earlier ones have ended."""
        adapter, target, order = self.adapter, self.target, self.orders[number]
        if number not in self._native:
            self._native[number] = self.engine.answered(lambda: self._begin(order))
            log.info("%s: backfill %d of %d, see %s", adapter.name, number + 1, len(self.orders), adapter.page(target))
        return self.engine.answered(lambda: adapter.progress(target, order, self._native[number]))

    def _begin(self, order: BackfillOrder) -> str:
        # cancels what a killed command has left running, or a failed server has created in part
        self.adapter.cancel(self.target, order)
        return self.adapter.backfill(self.target, order)


def _only(run: NativeRun, unit: LaunchUnit) -> NativeRun:
    steps = {name: run.steps[name] for name in unit.steps}
    return replace(run, failed=any(step.status is Status.FAILED for step in steps.values()), steps=steps)


def orders_of(
    plan: Plan, strategy: Strategy, shared: RunRequest, parallel: int, *, unbroken: bool
) -> list[BackfillOrder]:
    """The native backfills of a plan, in order: one, or one for each turn of the prioritized strategy.

    `shared` is the request that all partitions share. With `unbroken`, each has a range of partitions without gaps.
    """
    place = turns(plan, plan.keys[::-1]) if strategy is Strategy.PRIORITIZED else {}
    batches: dict[int, dict[str, tuple[str, ...]]] = {}
    for unit in sorted(units(plan, Granularity.RUN)):
        batch = batches.setdefault(min(place.get(cell, 0) for cell in unit.cells), {})
        batch[unit.key] = (*batch.get(unit.key, ()), *unit.steps)
    slots = 1 if strategy is Strategy.SEQUENTIAL else parallel
    parts = (part for _, batch in sorted(batches.items()) for part in (_ranges(plan, batch) if unbroken else [batch]))
    return [BackfillOrder(shared, part, slots) for part in parts]


def _ranges(plan: Plan, batch: dict[str, tuple[str, ...]]) -> Iterator[dict[str, tuple[str, ...]]]:
    part: dict[str, tuple[str, ...]] = {}
    for key, steps in batch.items():
        if part and plan.pipeline.partitions.shift(max(part), 1) != key:
            yield part
            part = {}
        part[key] = steps
    yield part
