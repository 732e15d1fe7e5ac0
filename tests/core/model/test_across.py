"""Which partitions of another pipeline belong to a partition: all that overlap, whatever the grids and time zones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from counterpoint.errors import UsageError
from counterpoint.model import (
    PartitionKind,
    PartitionMapping,
    Partitions,
    Pipeline,
    Relation,
    Window,
    WindowPolicy,
    input_from,
    partition_of,
    step,
)
from counterpoint.model.cycles import problems
from counterpoint.model.render import as_mermaid, as_text
from counterpoint.model.serial import pipeline_from, to_values

HOURLY, DAILY, WEEKLY, MONTHLY = (
    PartitionKind.HOURLY,
    PartitionKind.DAILY,
    PartitionKind.WEEKLY,
    PartitionKind.MONTHLY,
)
STARTS = {HOURLY: "2000-01-01T00", DAILY: "2000-01-01", WEEKLY: "2000-01-03", MONTHLY: "2000-01"}
ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata", "America/Santiago", "Pacific/Apia", "Australia/Lord_Howe")

moments = st.datetimes(datetime(2005, 1, 1), datetime(2024, 12, 31)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001
grids = st.one_of(
    st.just(Partitions(HOURLY, STARTS[HOURLY])),
    st.builds(
        lambda kind, zone: Partitions(kind, STARTS[kind], timezone=zone),
        st.sampled_from((DAILY, WEEKLY, MONTHLY)),
        st.sampled_from(ZONES),
    ),
)


def grid(kind: PartitionKind, zone: str = "UTC", **more) -> Partitions:
    return Partitions(kind, STARTS[kind], timezone=zone, **more)


@given(grids, grids, moments)
def test_all_and_only_those_that_overlap(own: Partitions, theirs: Partitions, moment: datetime) -> None:
    key = own.key_of(moment)
    mine, keys = own.partition(key), PartitionMapping(own, theirs).keys(key)
    assert theirs.key_of(moment) in keys
    assert all(theirs.shift(first, 1) == second for first, second in pairwise(keys))
    spans = [theirs.partition(other) for other in keys]
    assert spans[0].start <= mine.start
    assert spans[-1].end >= mine.end
    if mine.start < mine.end:
        assert all(span.start < mine.end and mine.start < span.end for span in spans if span.start < span.end)


@given(grids, grids, moments)
def test_it_is_mutual(own: Partitions, theirs: Partitions, moment: datetime) -> None:
    key = own.key_of(moment)
    back = PartitionMapping(theirs, own)
    assert all(key in back.keys(other) for other in PartitionMapping(own, theirs).keys(key))


@given(grids, grids, moments)
def test_one_value_only_where_there_is_always_one(own: Partitions, theirs: Partitions, moment: datetime) -> None:
    mapping = PartitionMapping(own, theirs)
    if mapping.is_single:
        assert len(mapping.keys(own.key_of(moment))) == 1
    if mapping.relation is Relation.SAME:
        assert mapping.keys(own.key_of(moment)) == (own.key_of(moment),)


@given(grids, grids, moments, st.integers(-40, 0))
def test_a_shift_moves_by_the_longer_partitions(
    own: Partitions, theirs: Partitions, moment: datetime, shift: int
) -> None:
    key, plain = own.key_of(moment), PartitionMapping(own, theirs)
    shifted = PartitionMapping(own, theirs, shift).keys(key)
    assume(theirs.timezone == own.timezone)
    by_theirs = tuple(theirs.shift(other, shift) for other in plain.keys(key))
    by_own = plain.keys(own.shift(key, shift))
    longer = (HOURLY, DAILY, WEEKLY, MONTHLY).index(theirs.kind) > (HOURLY, DAILY, WEEKLY, MONTHLY).index(own.kind)
    assert shifted == (by_theirs if longer else by_own)


@given(grids, grids, moments, st.integers(-30, 0), st.integers(0, 30))
def test_a_window_ends_at_the_last_that_overlaps(
    own: Partitions, theirs: Partitions, moment: datetime, last: int, length: int
) -> None:
    key = own.key_of(moment)
    keys = PartitionMapping(own, theirs, window=Window(last - length, last)).keys(key)
    assert len(keys) == length + 1
    assert keys[-1] == theirs.shift(PartitionMapping(own, theirs).keys(key)[-1], last)
    assert all(theirs.shift(first, 1) == second for first, second in pairwise(keys))


@pytest.mark.parametrize(
    ("own", "theirs", "shift", "window", "key", "keys"),
    [
        (DAILY, WEEKLY, 0, None, "2026-01-15", ["2026-01-12"]),
        (DAILY, WEEKLY, -1, None, "2026-01-15", ["2026-01-05"]),
        (DAILY, MONTHLY, -1, None, "2026-03-31", ["2026-02"]),
        (DAILY, WEEKLY, 0, "t-1..t-1", "2026-01-15", ["2026-01-05"]),
        (WEEKLY, DAILY, 0, None, "2026-01-12", [f"2026-01-{day}" for day in range(12, 19)]),
        (WEEKLY, DAILY, -1, None, "2026-01-19", [f"2026-01-{day}" for day in range(12, 19)]),
        (WEEKLY, DAILY, 0, "t-1..t", "2026-01-12", ["2026-01-17", "2026-01-18"]),
        (WEEKLY, MONTHLY, 0, None, "2026-03-30", ["2026-03", "2026-04"]),
        (MONTHLY, WEEKLY, 0, None, "2026-02", ["2026-01-26", "2026-02-02", "2026-02-09", "2026-02-16", "2026-02-23"]),
        (HOURLY, DAILY, 0, None, "2026-01-15T05", ["2026-01-15"]),
        (DAILY, DAILY, -2, None, "2026-01-15", ["2026-01-13"]),
    ],
)
def test_some_that_people_have(own, theirs, shift: int, window: str | None, key: str, keys: list[str]) -> None:
    mapping = PartitionMapping(grid(own), grid(theirs), shift, Window.parse(window) if window else None)
    assert list(mapping.keys(key)) == keys


def test_a_day_of_a_time_zone_reads_the_days_of_utc_that_it_touches() -> None:
    mapping = PartitionMapping(grid(DAILY, "Europe/Berlin"), grid(DAILY))
    assert mapping.relation is Relation.OVERLAPPING
    assert not mapping.is_single
    assert mapping.keys("2026-07-03") == ("2026-07-02", "2026-07-03")
    hours = PartitionMapping(grid(DAILY, "Europe/Berlin"), grid(HOURLY)).keys("2026-03-29")
    assert (hours[0], hours[-1], len(hours)) == ("2026-03-28T23", "2026-03-29T21", 23)


def test_what_lies_before_the_first_partition_is_refused_or_left_out() -> None:
    theirs = Partitions(start="2026-01-03")
    window = Window(-2, 0)
    with pytest.raises(UsageError, match="before the pipeline's start 2026-01-03"):
        PartitionMapping(Partitions(), theirs, window=window).keys("2026-01-04")
    shrinking = Partitions(incomplete=WindowPolicy.SHRINK)
    assert PartitionMapping(shrinking, theirs, window=window).keys("2026-01-04") == ("2026-01-03", "2026-01-04")
    with pytest.raises(UsageError, match="before the pipeline's start"):
        PartitionMapping(shrinking, theirs).keys("2026-01-02")


def reading(given): ...


def pipeline(**inputs) -> Pipeline:
    return Pipeline("a", (step(reading, inputs=inputs, waits=(partition_of("c", "z", shift=-1),)),))


def test_an_input_from_another_pipeline_comes_back_from_json() -> None:
    described = pipeline(given=input_from("b.y", "t-6..t", poll=timedelta(minutes=1)))
    (wait,) = described.steps[0].external_inputs
    assert (wait.target, wait.step, wait.window, wait.parameter) == ("b", "y", Window(-6, 0), "given")
    assert pipeline_from(to_values(described)).steps == described.steps
    assert "b.y as given [t-6..t]" in as_text(described)
    assert 'external_b_y(["b.y"]) -->|t-6..t| reading' in as_mermaid(described)


def test_a_wait_that_uses_nothing_of_this_is_described_as_before() -> None:
    values = to_values(partition_of("b", "y"))
    assert {"offset", "window", "parameter"}.isdisjoint(values)


def test_an_address_with_an_object_names_its_step_last() -> None:
    wait = input_from("acme.fraud:pipeline.country_summary", shift=-1)
    assert (wait.target, wait.step, wait.offset) == ("acme.fraud:pipeline", "country_summary", -1)
    assert wait.of("2026-01-15") == "country_summary of acme.fraud:pipeline for 2026-01-15, shifted by -1"


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(-2, 0)), max_size=6), st.data())
def test_a_cycle_is_found_exactly_when_a_partition_waits_for_itself(edges, data: st.DataObject) -> None:
    kinds = [data.draw(st.sampled_from((DAILY, WEEKLY, MONTHLY))) for _ in range(4)]
    waits = {n: tuple(partition_of(f"p{to}", "s", shift=shift) for at, to, shift in edges if at == n) for n in range(4)}
    pipelines = {
        f"p{n}": Pipeline(f"p{n}", (step(reading, name="s", waits=waits[n]),), grid(kinds[n]), config={"given": 0})
        for n in range(4)
    }

    def before(node: tuple[int, str]) -> list[tuple[int, str]]:
        n, key = node
        return [
            (to, member)
            for at, to, shift in edges
            if at == n
            for member in PartitionMapping(grid(kinds[n]), grid(kinds[to]), shift).reached(key)
        ]

    def loops(node: tuple[int, str]) -> bool:
        seen, todo = set(), before(node)
        while todo:
            other = todo.pop()
            if other == node:
                return True
            if other not in seen and other[1] > "2023-11":
                seen.add(other)
                todo += before(other)
        return False

    starts = [(n, grid(kinds[n]).key_of(datetime(2024, 2, 14, tzinfo=UTC))) for n in range(4)]
    assert bool(problems(pipelines)) == any(map(loops, starts))
