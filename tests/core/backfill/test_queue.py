"""The queue and its timing: limits are kept, nothing waits without cause, a bad day fails alone."""

from __future__ import annotations

import itertools

import pytest
from graphs import PARTITIONS, pipelines, ranges, reads
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.backfill.plan import PartitionStep, Plan, make_plan
from counterpoint.backfill.queue import Granularity, Queue, drain, ranks, units
from counterpoint.backfill.strategy import Strategy, queue_of
from counterpoint.backfill.timing import bounds, makespan
from counterpoint.model import Pipeline, Status
from counterpoint.runtime import find_pipeline

STREAMREC = find_pipeline("streamrec")
WEEK = PARTITIONS.range("2026-01-07", "2026-01-13")
SECONDS = {
    "raw_interactions": 2.0,
    "validated_interactions": 2.0,
    "training_features": 3.0,
    "retrieval_model": 25.0,
    "ranking_model": 11.0,
    "retrieval_evaluation": 2.0,
    "ranking_evaluation": 2.0,
    "registered_models": 5.0,
}


def planned(pipeline: Pipeline, keys: tuple[str, ...]) -> Plan:
    return make_plan(pipeline, keys, lambda _: False)


def taking(plan: Plan) -> dict[PartitionStep, float]:
    return {cell: SECONDS.get(cell.step, 1.0) for cell in plan.cells}


@given(pipelines(), ranges(), st.sampled_from(Strategy), st.sampled_from(Granularity), st.integers(1, 4))
def test_limits_are_kept_and_nothing_starts_before_its_window(
    pipeline: Pipeline, keys: tuple[str, ...], strategy: Strategy, grain: Granularity, slots: int
) -> None:
    plan = planned(pipeline, keys)
    seconds = {cell: 1.0 + place % 3 for place, cell in enumerate(plan.cells)}
    whole, times = makespan(queue_of(plan, strategy, grain, slots, seconds), seconds)
    assert set(times) == set(units(plan, grain))
    ends = {cell: end for unit, (_, end) in times.items() for cell in unit.cells}
    for unit, (start, _) in times.items():
        others = {other for cell in unit.cells for other in reads(pipeline, cell)} - set(unit.cells)
        assert all(ends[other] <= start for other in others)
        together = [other for other, (begin, end) in times.items() if begin <= start < end]
        assert len(together) <= slots
        if grain is Granularity.STEP:
            pooled = [other for other in together if pipeline.step(other.steps[0]).pool]
            assert len(pooled) <= pipeline.pools[0].slots
    if grain is Granularity.STEP:
        assert whole >= bounds(plan, seconds, slots).lower - 1e-9


@given(pipelines(), ranges(), st.integers(1, 4))
def test_no_slot_is_idle_while_something_is_ready(pipeline: Pipeline, keys: tuple[str, ...], slots: int) -> None:
    plan = planned(pipeline, keys)
    seconds = dict.fromkeys(plan.cells, 1.0)
    _, times = makespan(queue_of(plan, Strategy.PARALLEL, Granularity.STEP, slots, seconds), seconds)
    ends = {cell: end for unit, (_, end) in times.items() for cell in unit.cells}
    for unit, (start, _) in times.items():
        free = max((ends[other] for other in reads(pipeline, unit.cells[0])), default=0.0)
        for moment in {begin for begin, _ in times.values() if free <= begin < start}:
            busy = [other for other, (begin, end) in times.items() if begin <= moment < end]
            pooled = [other for other in busy if pipeline.step(other.steps[0]).pool]
            narrow = pipeline.step(unit.steps[0]).pool and len(pooled) >= pipeline.pools[0].slots
            assert len(busy) == slots or narrow


def test_sequential_is_one_partition_after_the_other_oldest_first() -> None:
    plan = planned(STREAMREC, WEEK)
    _, times = makespan(queue_of(plan, Strategy.SEQUENTIAL, Granularity.STEP, 3, taking(plan)), taking(plan))
    spans = {
        key: (
            min(start for unit, (start, _) in times.items() if unit.key == key),
            max(end for unit, (_, end) in times.items() if unit.key == key),
        )
        for key in {unit.key for unit in times}
    }
    keys = sorted(spans)
    assert all(spans[one][1] <= spans[other][0] for one, other in itertools.pairwise(keys))


def test_prioritized_ends_the_newest_day_first() -> None:
    plan = planned(STREAMREC, WEEK)
    ended = {}
    for strategy in Strategy:
        _, times = makespan(queue_of(plan, strategy, Granularity.STEP, 3, taking(plan)), taking(plan))
        ended[strategy] = {unit.key: end for unit, (_, end) in times.items() if unit.steps == ("registered_models",)}
    newest = ended[Strategy.PRIORITIZED]
    assert sorted(newest, key=newest.__getitem__) == list(reversed(WEEK))
    assert newest[WEEK[-1]] < min(ended[Strategy.PARALLEL][WEEK[-1]], ended[Strategy.SEQUENTIAL][WEEK[-1]])


@pytest.mark.parametrize("days", [7, 30, 400])
def test_several_at_once_is_near_what_no_order_can_beat(days: int) -> None:
    plan = planned(STREAMREC, PARTITIONS.range(WEEK[0], PARTITIONS.shift(WEEK[0], days - 1)))
    seconds = taking(plan)
    whole, _ = makespan(queue_of(plan, Strategy.PARALLEL, Granularity.STEP, 3, seconds), seconds)
    assert whole <= 1.15 * bounds(plan, seconds, 3).lower


@pytest.mark.parametrize("slots", [2, 3])
@pytest.mark.parametrize("days", [30, 400])
def test_where_durations_are_unknown_it_is_near_that_too(days: int, slots: int) -> None:
    plan = planned(STREAMREC, PARTITIONS.range(WEEK[0], PARTITIONS.shift(WEEK[0], days - 1)))
    alike = dict.fromkeys(plan.cells, 1.0)
    unknown = queue_of(plan, Strategy.PARALLEL, Granularity.STEP, slots, alike, known=False)
    whole, _ = makespan(unknown, taking(plan))
    assert whole <= 1.05 * bounds(plan, taking(plan), slots).lower


def run(queue: Queue, failing: set[PartitionStep]) -> None:
    """Runs a queue whose given cells fail."""
    while not queue.over:
        for unit in list(drain(queue)):
            states = {}
            for cell in unit.cells:
                before = [states.get(o.step) for o in queue.plan.waits[cell] if o.key == cell.key]
                bad = {Status.FAILED, Status.UPSTREAM_FAILED}.intersection(before)
                own = Status.FAILED if cell in failing else Status.SUCCESS
                states[cell.step] = Status.UPSTREAM_FAILED if bad else own
            queue.end(unit, states)


@pytest.mark.parametrize("grain", Granularity)
def test_a_bad_day_fails_alone_and_names_those_that_wait_for_it(grain: Granularity) -> None:
    keys = PARTITIONS.range("2026-01-07", "2026-01-20")
    plan = planned(STREAMREC, keys)
    bad = "2026-01-10"
    queue = Queue(plan, grain, ranks(plan, taking(plan)), 3)
    run(queue, {PartitionStep("raw_interactions", bad)})
    told = {key: queue.states[PartitionStep("registered_models", key)] for key in keys}
    window = set(PARTITIONS.range(bad, "2026-01-16"))
    assert {key for key, status in told.items() if status is Status.UPSTREAM_FAILED} == window
    blocked = {cell.key: causes for cell, causes in queue.blocked.items() if cell.step == "training_features"}
    assert blocked == {**dict.fromkeys(window, (bad,)), bad: ()}
    # what the other days need of a blocked day is run all the same
    assert queue.states[PartitionStep("validated_interactions", "2026-01-11")] is Status.SUCCESS
    assert queue.states[PartitionStep("validated_interactions", bad)] is Status.UPSTREAM_FAILED


@given(pipelines(), ranges(), st.data())
@settings(max_examples=300)
def test_both_grains_end_alike_whatever_fails(pipeline: Pipeline, keys: tuple[str, ...], data: st.DataObject) -> None:
    plan = planned(pipeline, keys)
    failing = data.draw(st.sets(st.sampled_from(plan.cells), max_size=3))
    ended = []
    for grain in Granularity:
        queue = Queue(plan, grain, ranks(plan, dict.fromkeys(plan.cells, 1.0)), 2)
        run(queue, failing)
        assert set(queue.states) == set(plan.cells)
        ended.append({cell: (status, queue.blocked.get(cell)) for cell, status in queue.states.items()})
    assert ended[0] == ended[1]


def test_two_causes_are_both_named() -> None:
    plan = planned(STREAMREC, WEEK)
    queue = Queue(plan, Granularity.STEP, ranks(plan, taking(plan)), 3)
    run(queue, {PartitionStep("raw_interactions", "2026-01-08"), PartitionStep("validated_interactions", "2026-01-09")})
    assert queue.blocked[PartitionStep("registered_models", "2026-01-12")] == ("2026-01-08", "2026-01-09")
