"""The planner against brute force: no cell before what it reads, none waiting for anything else."""

from __future__ import annotations

import pytest
from graphs import PARTITIONS, all_cells, ancestors, longest, pipelines, ranges, reads
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.backfill.plan import PartitionStep, groups, make_plan, waves
from counterpoint.errors import MissingInputError, UsageError
from counterpoint.model import Pipeline, Step
from counterpoint.runtime import find_pipeline

STREAMREC = find_pipeline("streamrec")
WEEK = PARTITIONS.range("2026-01-07", "2026-01-13")


def nothing(_: PartitionStep) -> bool:
    return False


@given(pipelines(), ranges())
def test_a_cell_waits_for_what_it_reads_and_for_nothing_else(pipeline: Pipeline, keys: tuple[str, ...]) -> None:
    plan = make_plan(pipeline, keys, nothing)
    assert set(plan.cells) == ancestors(pipeline, all_cells(pipeline, keys))
    assert all(set(before) == reads(pipeline, cell) for cell, before in plan.waits.items())


@given(pipelines(), ranges())
def test_the_order_of_the_cells_keeps_what_they_wait_for(pipeline: Pipeline, keys: tuple[str, ...]) -> None:
    plan = make_plan(pipeline, keys, nothing)
    place = {cell: number for number, cell in enumerate(plan.cells)}
    assert all(place[other] < place[cell] for cell, before in plan.waits.items() for other in before)


@given(pipelines(), ranges(), st.data())
def test_what_stands_is_left_out_unless_it_rests_on_what_does_not(
    pipeline: Pipeline, keys: tuple[str, ...], data: st.DataObject
) -> None:
    every = sorted(ancestors(pipeline, all_cells(pipeline, keys)))
    standing = data.draw(st.sets(st.sampled_from(every)))
    plan = make_plan(pipeline, keys, standing.__contains__)
    stale = {cell for cell in every if ancestors(pipeline, [cell]) - standing}
    # of other partitions, only what a cell of the plan still needs
    wanted = {cell for cell in stale if cell.key in keys}
    while more := {o for cell in wanted for o in reads(pipeline, cell) & stale} - wanted:
        wanted |= more
    assert set(plan.cells) == wanted
    assert set(plan.saved) == {cell for cell in all_cells(pipeline, keys) if cell not in stale}


@given(pipelines(), ranges())
def test_there_are_as_few_waves_as_can_be(pipeline: Pipeline, keys: tuple[str, ...]) -> None:
    plan = make_plan(pipeline, keys, nothing)
    found = waves(plan)
    assert len(found) == longest(pipeline, set(plan.cells))
    assert sorted(cell for wave in found for cell in wave) == sorted(plan.cells)
    ended: set[PartitionStep] = set()
    for wave in found:
        assert all(set(plan.waits[cell]) <= ended for cell in wave)
        ended.update(wave)


def test_streamrec_needs_six_waves_however_many_days() -> None:
    for keys in (WEEK[:1], WEEK):
        plan = make_plan(STREAMREC, keys, nothing)
        found = waves(plan)
        assert len(found) == 6
        # raw and validation of all days at once, those of the six days before included
        assert {cell.step for cell in found[0]} == {"raw_interactions"}
        assert len(found[0]) == len(keys) + 6
    assert set(plan.waits[PartitionStep("training_features", WEEK[0])]) == {
        PartitionStep("validated_interactions", key) for key in PARTITIONS.range("2026-01-01", "2026-01-07")
    }


def test_only_what_windows_need_of_earlier_days() -> None:
    plan = make_plan(STREAMREC, WEEK, nothing)
    assert {cell.step for cell in plan.earlier} == {"raw_interactions", "validated_interactions"}
    assert {cell.key for cell in plan.earlier} == set(PARTITIONS.range("2026-01-01", "2026-01-06"))
    with pytest.raises(MissingInputError, match=r"2026-01-01: raw_interactions, validated_interactions; 2026-01-02"):
        make_plan(STREAMREC, WEEK, nothing, upstream=False)
    stood = make_plan(STREAMREC, WEEK, lambda cell: cell.key < WEEK[0], upstream=False)
    assert {cell.key for cell in stood.cells} == set(WEEK)


def test_a_window_before_the_first_partition_is_refused() -> None:
    with pytest.raises(UsageError, match=r"partition 2009-12-\d\d lies before the pipeline's start 2010-01-01"):
        make_plan(STREAMREC, ("2010-01-02",), nothing)


def test_steps_behind_the_same_windows_are_one_group() -> None:
    found = groups(STREAMREC)
    assert {name for name, group in found.items() if group == 0} == {"raw_interactions", "validated_interactions"}
    assert set(found.values()) == {0, 1}


def test_a_pipeline_without_windows_is_planned_too() -> None:
    plan = make_plan(Pipeline("plain", (Step("only", "m:only"),), PARTITIONS), WEEK, nothing)
    assert len(waves(plan)) == 1
    assert len(plan.cells) == 7
