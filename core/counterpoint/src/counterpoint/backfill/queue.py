"""The state of a running backfill: which units may run next, and which never will. Pure, without a clock."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from counterpoint.backfill.plan import PartitionStep, groups
from counterpoint.model import RunDecision, Status, verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from counterpoint.backfill.plan import Plan


class Granularity(StrEnum):
    """The size of a launch unit: a step of a partition, or all its steps that depend on the same windows."""

    STEP = "step"
    RUN = "run"


@dataclass(frozen=True, slots=True, order=True)
class LaunchUnit:
    """Cells of one partition that are started together, in order; `group` is the number of their group."""

    key: str
    group: int
    steps: tuple[str, ...]

    @property
    def cells(self) -> tuple[PartitionStep, ...]:
        """The cells of the unit."""
        return tuple(PartitionStep(step, self.key) for step in self.steps)


def units(plan: Plan, grain: Granularity) -> tuple[LaunchUnit, ...]:
    """The cells of a plan as units."""
    number = groups(plan.pipeline)
    if grain is Granularity.STEP:
        return tuple(LaunchUnit(cell.key, number[cell.step], (cell.step,)) for cell in plan.cells)
    grouped: dict[tuple[str, int], list[str]] = {}
    for cell in plan.cells:
        grouped.setdefault((cell.key, number[cell.step]), []).append(cell.step)
    return tuple(LaunchUnit(key, group, tuple(steps)) for (key, group), steps in grouped.items())


@dataclass
class Queue:
    """The units of a plan in the order in which they may be started.

    `rank` orders the ready units, least first. `slots` limits how many units run at once; the pools of the pipeline
    limit how many of their cells do. `in_turn` holds back a partition until all earlier ones have ended.
    """

    plan: Plan
    grain: Granularity
    rank: Mapping[PartitionStep, tuple[float, ...]]
    slots: int
    in_turn: bool = False
    states: dict[PartitionStep, Status] = field(default_factory=dict)
    blocked: dict[PartitionStep, tuple[str, ...]] = field(default_factory=dict)
    choices: dict[PartitionStep, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._group = groups(self.plan.pipeline)
        self._before: dict[LaunchUnit, set[PartitionStep]] = {}
        self._after: dict[PartitionStep, list[LaunchUnit]] = {}
        self._ready: list[tuple[tuple[float, ...], int, LaunchUnit]] = []
        self._running: list[LaunchUnit] = []
        all_units = units(self.plan, self.grain)
        self._left = Counter(unit.key for unit in all_units)
        self._turns = sorted(self._left, reverse=True)
        for unit in all_units:
            own = set(unit.cells)
            self._before[unit] = {other for cell in own for other in self.plan.waits[cell]} - own
            for other in self._before[unit]:
                self._after.setdefault(other, []).append(unit)
        self._settle([unit for unit, before in self._before.items() if not before])

    @property
    def over(self) -> bool:
        """Whether everything has ended."""
        return not self._left

    @property
    def running(self) -> tuple[LaunchUnit, ...]:
        """The units that were started and have not ended."""
        return tuple(self._running)

    def take(self, is_held: Callable[[LaunchUnit], bool] = lambda _: False) -> LaunchUnit | None:
        """The unit to start now, or None while none may start; a held unit waits without a slot."""
        if len(self._running) >= self.slots:
            return None
        used = Counter(pool for unit in self._running for pool in self._pools(unit))
        for place, (_, _, unit) in enumerate(self._ready):
            may_start = (not self.in_turn or unit.key == self._turns[-1]) and self._has_room(unit, used)
            if may_start and not is_held(unit):
                del self._ready[place]
                self._running.append(unit)
                return unit
        return None

    def end(self, unit: LaunchUnit, states: Mapping[str, Status], choices: Mapping[str, str] | None = None) -> None:
        """Records how the steps of a unit ended, and the choices of the branches among them."""
        self._running.remove(unit)
        self.choices.update({PartitionStep(step, unit.key): choice for step, choice in (choices or {}).items()})
        self._settle(self._note(unit, {PartitionStep(step, unit.key): states[step] for step in unit.steps}))

    def _note(self, unit: LaunchUnit, states: Mapping[PartitionStep, Status]) -> list[LaunchUnit]:
        """Records how a unit ended; returns the units that waited for nothing else."""
        self.states.update(states)
        self._left[unit.key] -= 1
        if not self._left[unit.key]:
            del self._left[unit.key]
        while self._turns and self._turns[-1] not in self._left:
            self._turns.pop()
        freed = []
        for cell in unit.cells:
            for other in self._after.get(cell, ()):
                self._before[other].discard(cell)
                if not self._before[other]:
                    freed.append(other)
        return freed

    def _settle(self, free: list[LaunchUnit]) -> None:
        """Makes units without open dependencies ready, or ends them if they will never run."""
        while free:
            unit = free.pop()
            states = self._without_running(unit)
            if states is None:
                insort(self._ready, (min(self.rank[cell] for cell in unit.cells), len(self.states), unit))
            else:
                free += self._note(unit, states)

    def _pools(self, unit: LaunchUnit) -> list[str]:
        return [pool for step in unit.steps if (pool := self.plan.pipeline.step(step).pool)]

    def _has_room(self, unit: LaunchUnit, used: Mapping[str, int]) -> bool:
        # in a run, the orchestrator's own pools limit the steps
        if self.grain is Granularity.RUN:
            return True
        return all(used[pool] < self.plan.pipeline.pool(pool).slots for pool in self._pools(unit))

    def _without_running(self, unit: LaunchUnit) -> dict[PartitionStep, Status] | None:
        causes = sorted({cause for cell in unit.cells for cause in self._causes(cell)})
        if causes or self._is_cut_off(unit):
            self.blocked.update(dict.fromkeys(unit.cells, tuple(causes)))
            return dict.fromkeys(unit.cells, Status.UPSTREAM_FAILED)
        if self.grain is Granularity.RUN:
            return None
        (cell,) = unit.cells
        states = {o.step: self.states[o] for o in self.plan.waits[cell] if o.key == cell.key}
        choices = {other.step: choice for other, choice in self.choices.items() if other.key == cell.key}
        decision = verdict(self.plan.pipeline.step(cell.step), states, choices)
        return None if decision is RunDecision.RUN else {cell: Status(decision.value)}

    def _causes(self, cell: PartitionStep) -> set[str]:
        """The other partitions that keep a cell from running: of its window, and the causes of cells before it."""
        causes = {cause for other in self._beside(cell) for cause in self.blocked.get(other, ())}
        for other in self.plan.over[cell]:
            if self.states.get(other) in {Status.FAILED, Status.UPSTREAM_FAILED}:
                causes |= set(self.blocked.get(other, ())) or {other.key}
        return causes - {cell.key}

    def _is_cut_off(self, unit: LaunchUnit) -> bool:
        """Whether a cell of another group failed in the same partition, so that cells after it never start.

        Neither do later cells of their own group, which would not have started as one run either.
        """
        before = [other for cell in unit.cells for other in self._beside(cell)]
        failed = {Status.FAILED, Status.UPSTREAM_FAILED}
        return any(
            other in self.blocked or (self._group[other.step] != unit.group and self.states.get(other) in failed)
            for other in before
        )

    def _beside(self, cell: PartitionStep) -> list[PartitionStep]:
        return [other for other in self.plan.waits[cell] if other.key == cell.key]


def drain(queue: Queue, is_held: Callable[[LaunchUnit], bool] = lambda _: False) -> Iterable[LaunchUnit]:
    """Takes all units that may start now."""
    while unit := queue.take(is_held):
        yield unit


def ranks(
    plan: Plan, seconds: Mapping[PartitionStep, float], newest_first: Sequence[str] = ()
) -> dict[PartitionStep, tuple[float, ...]]:
    """The rank of each cell: the longest chain of dependent work first, then the oldest.

    With `newest_first`, cells that the first of these partitions depends on come before cells that only others need.
    """
    tails = _tails(plan, seconds)
    turn = turns(plan, newest_first)
    places = {cell: place for place, cell in enumerate(plan.cells)}
    return {cell: (turn.get(cell, 0), -tails[cell], places[cell]) for cell in plan.cells}


def _tails(plan: Plan, seconds: Mapping[PartitionStep, float]) -> dict[PartitionStep, float]:
    """The seconds from the start of each cell to the end of the longest chain that begins with it."""
    tails = dict.fromkeys(plan.cells, 0.0)
    for cell in reversed(plan.cells):
        tails[cell] += seconds[cell]
        for other in plan.waits[cell]:
            tails[other] = max(tails[other], tails[cell])
    return tails


def turns(plan: Plan, newest_first: Sequence[str]) -> dict[PartitionStep, int]:
    """The place in the sequence of the first partition that depends on each cell."""
    places: dict[PartitionStep, int] = {}
    for place, key in enumerate(newest_first):
        todo = [cell for cell in plan.cells if cell.key == key]
        while todo:
            cell = todo.pop()
            if cell not in places:
                places[cell] = place
                todo += plan.waits[cell]
    return places
