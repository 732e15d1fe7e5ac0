"""Circles of waiting across pipelines, and waits for what is not there, are found and named."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.errors import DefinitionError
from counterpoint.model import Pipeline, marker, partition_of, step, table_written, windowed
from counterpoint.model.cycles import cycles, problems
from counterpoint.model.serial import pipeline_from, to_values

HOUR = timedelta(hours=1)


def one(): ...


def other(given): ...


def plain(name, **more):
    return step(one, name=name, **more)


def reading(name, upstream, **more):
    return step(other, name=name, inputs={"given": upstream}, **more)


def pipelines(*found):
    return {pipeline.name: pipeline for pipeline in found}


def test_a_circle_through_ordinary_edges_is_named() -> None:
    a = Pipeline("a", (plain("x", waits=(partition_of("b", "y"),)), reading("z", "x")))
    b = Pipeline("b", (plain("w", waits=(partition_of("a", "z"),)), reading("y", "w")))
    assert list(cycles(pipelines(a, b))) == ["a.x -> b.y -> b.w -> a.z -> a.x"]
    (problem,) = problems(pipelines(a, b))
    assert (problem.what, problem.fix) == ("a.x -> b.y -> b.w -> a.z -> a.x", "remove one of these edges")


def test_a_pipeline_may_be_registered_by_another_name() -> None:
    a = Pipeline("a", (plain("x", waits=(partition_of("farm:b", "y"),)),))
    b = Pipeline("b", (plain("y", waits=(partition_of("a", "x"),)),))
    assert list(cycles({"a": a, "farm:b": b})) == ["a.x -> b.y -> a.x"]


def test_every_circle_is_told() -> None:
    a = Pipeline("a", (plain("x", waits=(partition_of("b", "y"),)), plain("u", waits=(partition_of("a", "u"),))))
    b = Pipeline("b", (plain("y", waits=(partition_of("a", "x"),)),))
    assert sorted(cycles(pipelines(a, b))) == ["a.u -> a.u", "a.x -> b.y -> a.x"]


def test_an_earlier_partition_closes_no_circle() -> None:
    a = Pipeline("a", (plain("x", waits=(partition_of("b", "y"),)),))
    before = {"given": windowed("w", "t-3..t-1")}
    b = Pipeline("b", (plain("w", waits=(partition_of("a", "x"),)), step(other, name="y", inputs=before)))
    assert problems(pipelines(a, b)) == ()


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12))
def test_there_is_a_circle_when_a_step_waits_for_itself_in_the_end(edges: list[tuple[int, int]]) -> None:
    def reached(start: int) -> set[int]:
        found: set[int] = set()
        while new := {after for before, after in edges if before in found | {start}} - found:
            found |= new
        return found

    waits = {n: tuple(partition_of(f"p{after}", "s") for before, after in edges if before == n) for n in range(6)}
    found = list(cycles(pipelines(*(Pipeline(f"p{n}", (plain("s", waits=waits[n]),)) for n in range(6)))))
    assert bool(found) == any(n in reached(n) for n in range(6))
    for circle in found:
        names = [int(name[1]) for name in circle.split(" -> ")]
        assert names[0] == names[-1]
        assert set(pairwise(names)) <= set(edges)


@pytest.mark.parametrize(
    ("wait", "what", "fix"),
    [
        (partition_of("ingst", "raw"), "pipeline 'ingst', which is not registered", "did you mean 'ingest'?"),
        (partition_of("ingest", "rwa"), "ingest.rwa, which is no step", "did you mean 'raw'?"),
        (partition_of("ingest", "each"), "ingest.each, which is mapped", "wait for a step that merges its elements"),
        (partition_of("zzz", "raw"), "pipeline 'zzz', which is not registered", "there are ingest, late"),
    ],
)
def test_a_wait_for_nothing_is_named(wait, what: str, fix: str) -> None:
    ingest = Pipeline("ingest", (plain("raw"), reading("each", "raw", map_over="given")))
    late = Pipeline("late", (plain("x", waits=(wait,)),))
    (problem,) = problems(pipelines(ingest, late))
    assert problem == (f"late.x waits for {what}", fix)


def test_waits_come_back_from_json() -> None:
    waits = (
        marker("s3://lake/{partition}/_SUCCESS", poll=timedelta(seconds=1), timeout=HOUR),
        table_written("tables/orders"),
        partition_of("b", "y"),
    )
    found = Pipeline("a", (plain("x", waits=waits),))
    assert pipeline_from(to_values(found)).steps[0].waits == waits


def test_what_is_waited_for_is_said_in_words() -> None:
    assert marker("s3://lake/{partition}/_SUCCESS").of("2026-01-03") == "marker s3://lake/2026-01-03/_SUCCESS"
    assert marker("file:///lake/{partition}").place("2026-01-03") == "/lake/2026-01-03"
    assert table_written("tables/orders").of("2026-01-03") == "table tables/orders"
    assert partition_of("b", "y").of("2026-01-03") == "y of b for 2026-01-03"


@pytest.mark.parametrize("wrong", [{"poll": timedelta(0)}, {"poll": HOUR, "timeout": timedelta(minutes=1)}])
def test_times_that_make_no_sense_are_refused(wrong) -> None:
    with pytest.raises(DefinitionError, match="poll must be above zero"):
        marker("x", **wrong)
