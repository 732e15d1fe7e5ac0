"""What an orchestrator's own backfill is asked for, and how the queue follows it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from graphs import PARTITIONS, pipelines, ranges, reads
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.backfill.native import NativeLauncher, orders_of
from counterpoint.backfill.plan import PartitionStep, Plan, make_plan, outside
from counterpoint.backfill.queue import Granularity, Queue, drain, ranks, units
from counterpoint.backfill.strategy import Strategy
from counterpoint.model import (
    BackfillOrder,
    NativeBackfill,
    NativeRun,
    NativeStep,
    Pipeline,
    RunRequest,
    Status,
    steps_in,
)
from counterpoint.runtime import find_pipeline
from counterpoint.services import ServiceEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

STREAMREC = find_pipeline("streamrec")
WEEK = PARTITIONS.range("2026-01-07", "2026-01-13")
SHARED = RunRequest("streamrec", "", "filled", "data", "fake", "v2")


def planned(
    pipeline: Pipeline, keys: tuple[str, ...], stands: Callable[[PartitionStep], bool] = lambda _: False
) -> Plan:
    return make_plan(pipeline, keys, stands)


@given(pipelines(), ranges())
def test_a_group_waits_outside_for_what_its_unit_waits_for(pipeline: Pipeline, keys: tuple[str, ...]) -> None:
    plan = planned(pipeline, keys)
    for unit in units(plan, Granularity.RUN):
        expected = {other for cell in unit.cells for other in reads(pipeline, cell)} & set(plan.cells) - set(unit.cells)
        for step in unit.steps:
            found = {
                PartitionStep(name, PARTITIONS.shift(unit.key, offset)) for name, offset in outside(pipeline, step)
            }
            assert found & set(plan.cells) == expected


@given(pipelines(), ranges(), st.sampled_from(Strategy), st.booleans(), st.data())
def test_the_orders_have_each_step_once_and_after_what_it_waits_for(
    pipeline: Pipeline,
    keys: tuple[str, ...],
    strategy: Strategy,
    unbroken: bool,  # noqa: FBT001
    data: st.DataObject,
) -> None:
    standing = data.draw(st.sets(st.sampled_from(planned(pipeline, keys).cells), max_size=5))
    plan = planned(pipeline, keys, lambda cell: cell in standing)
    orders = orders_of(plan, strategy, SHARED, 3, unbroken=unbroken)
    cells = [[PartitionStep(step, key) for key, steps in order.steps.items() for step in steps] for order in orders]
    assert sorted(cell for some in cells for cell in some) == sorted(plan.cells)
    place = {cell: number for number, some in enumerate(cells) for cell in some}
    assert all(place[other] <= place[cell] for cell in plan.cells for other in plan.waits[cell])
    for order in orders:
        assert list(order.steps) == sorted(order.steps)
        assert order.parallel == (1 if strategy is Strategy.SEQUENTIAL else 3)
        spans = order.spans(PARTITIONS)
        assert all(steps_in(spans, key) == steps for key, steps in order.steps.items())
        if unbroken:
            assert tuple(order.steps) == PARTITIONS.range(min(order.steps), max(order.steps))


def test_a_week_is_one_order_of_few_ranges() -> None:
    (order,) = orders_of(planned(STREAMREC, WEEK), Strategy.PARALLEL, SHARED, 3, unbroken=True)
    before = ("raw_interactions", "validated_interactions")
    assert order.spans(PARTITIONS) == [
        ("2026-01-01", "2026-01-06", before),
        ("2026-01-07", "2026-01-13", tuple(s for s in STREAMREC.step_names if s in order.steps["2026-01-07"])),
    ]
    assert set(order.steps["2026-01-07"]) == set(STREAMREC.step_names)
    made = order.of("2026-01-03")
    assert (made.partition, made.run_id, made.steps) == ("2026-01-03", "filled-2026-01-03", before)


def test_prioritized_is_the_newest_day_with_all_it_rests_on_and_then_a_day_at_a_time() -> None:
    orders = orders_of(planned(STREAMREC, WEEK), Strategy.PRIORITIZED, SHARED, 3, unbroken=True)
    assert [(min(order.steps), max(order.steps)) for order in orders] == [
        ("2026-01-07", "2026-01-13"),
        *[(f"2026-01-{day - 6:02}", f"2026-01-{day - 6:02}") if part == 0 else (f"2026-01-{day:02}",) * 2
          for day in range(12, 6, -1) for part in (0, 1)],
    ]  # fmt: skip


class Orchestrator:
    """Stands for one with backfills of its own; every look ends the next step of what was asked for.

    There is no real one in the environment of these tests; the real ones are in `tests/integration`.
    """

    name = distribution = "fake"

    def __init__(
        self, *, failing: frozenset[PartitionStep] = frozenset(), left_out: frozenset[PartitionStep] = frozenset()
    ) -> None:
        self.failing, self.left_out = failing, left_out
        self.said: list[str] = []
        self.alone: list[RunRequest] = []
        self.looks: dict[str, int] = {}

    def cancel(self, _target: object, order: BackfillOrder) -> None:
        self.said.append(f"cancel {order.request.version}")

    def backfill(self, _target: object, order: BackfillOrder) -> str:
        self.said.append(f"backfill {min(order.steps)}..{max(order.steps)}")
        return str(len(self.said))

    def page(self, _target: object, _native_id: str | None = None) -> str:
        return "nowhere"

    def progress(self, _target: object, order: BackfillOrder, native_id: str) -> NativeBackfill:
        self.looks[native_id] = self.looks.get(native_id, 0) + 1
        cells = [PartitionStep(step, key) for key, steps in order.steps.items() for step in steps]
        ended = [cell for cell in cells[: self.looks[native_id]] if cell not in self.left_out]
        runs = {key: native({c.step: self._status(c) for c in ended if c.key == key}) for key in order.steps}
        return NativeBackfill(self.looks[native_id] > len(cells), runs, "no room")

    def _status(self, cell: PartitionStep) -> Status:
        return Status.FAILED if cell in self.failing else Status.SUCCESS

    def submit(self, _target: object, request: RunRequest) -> str:
        self.alone.append(request)
        return request.run_id

    def observe(self, _target: object, request: RunRequest, _native_id: str) -> NativeRun:
        return native(dict.fromkeys(request.steps or (), Status.SUCCESS))


def native(states: Mapping[str, Status]) -> NativeRun:
    steps = {name: NativeStep(status) for name, status in states.items()}
    return NativeRun("1", Status.FAILED in states.values(), None, None, steps)


def engine_of(adapter: Orchestrator) -> Any:
    target = SimpleNamespace(home=Path("nowhere"), url=lambda: "", is_ours=True)
    return ServiceEngine(adapter, target)  # type: ignore[arg-type]


def run(plan: Plan, orders: list[BackfillOrder], adapter: Orchestrator) -> Queue:
    launcher = NativeLauncher(engine_of(adapter), orders)
    queue = Queue(plan, Granularity.RUN, ranks(plan, dict.fromkeys(plan.cells, 1.0)), len(plan.cells))
    while not queue.over:
        for unit in drain(queue):
            launcher.start(unit, orders[0].of(unit.key) if unit.key in orders[0].steps else SHARED)
        for outcome in launcher.ended():
            queue.end(outcome.unit, {name: step.status for name, step in outcome.native.steps.items()})
    return queue


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("counterpoint.backfill.native.POLL_SECONDS", 0.0)


@pytest.mark.parametrize("strategy", Strategy)
def test_a_bad_day_is_told_as_the_queue_tells_it(strategy: Strategy) -> None:
    plan = planned(STREAMREC, WEEK)
    bad = PartitionStep("raw_interactions", "2026-01-10")
    adapter = Orchestrator(failing=frozenset({bad, PartitionStep("validated_interactions", bad.key)}))
    queue = run(plan, orders_of(plan, strategy, SHARED, 3, unbroken=True), adapter)
    assert queue.states[bad] is Status.FAILED
    blocked = {cell.key for cell in queue.blocked if cell.step == "training_features"}
    assert blocked == set(PARTITIONS.range("2026-01-10", "2026-01-13"))
    assert queue.states[PartitionStep("registered_models", "2026-01-09")] is Status.SUCCESS
    assert adapter.alone == []
    assert adapter.said[0] == "cancel v2", "what a killed command left is ended first"


def test_what_a_backfill_left_out_is_run_by_itself(caplog: pytest.LogCaptureFixture) -> None:
    plan = planned(STREAMREC, WEEK[:2])
    out = frozenset({PartitionStep("training_features", WEEK[1])})
    adapter = Orchestrator(left_out=out)
    queue = run(plan, orders_of(plan, Strategy.PARALLEL, SHARED, 3, unbroken=True), adapter)
    assert set(queue.states.values()) == {Status.SUCCESS}
    assert [request.partition for request in adapter.alone] == [WEEK[1]]
    assert "is not part of the backfill: no room" in caplog.text


def test_an_interruption_cancels_the_backfill_that_runs() -> None:
    plan = planned(STREAMREC, WEEK[:1])
    adapter = Orchestrator()
    launcher = NativeLauncher(engine_of(adapter), orders_of(plan, Strategy.PARALLEL, SHARED, 3, unbroken=True))
    launcher.stop()
    assert adapter.said == []
    queue = Queue(plan, Granularity.RUN, ranks(plan, dict.fromkeys(plan.cells, 1.0)), 9)
    for unit in drain(queue):
        launcher.start(unit, SHARED)
    launcher.ended()
    launcher.stop()
    assert adapter.said == ["cancel v2", "backfill 2026-01-01..2026-01-07", "cancel v2"]
