"""Inputs of other pipelines on Dagster: edges between assets, whose partitions are those that core reads."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

pytestmark = pytest.mark.dagster

import dagster as dg
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.model import PartitionKind, PartitionMapping, Partitions, Relation, Window, input_from, step
from counterpoint.testing.borders import SOURCE, across, across_source

if TYPE_CHECKING:
    from counterpoint.model import Pipeline

KINDS = {
    PartitionKind.DAILY: "2026-01-05",
    PartitionKind.WEEKLY: "2026-01-05",
    PartitionKind.MONTHLY: "2026-01",
    PartitionKind.HOURLY: "2026-01-05T00",
}
EVENTS = f"{SOURCE}.across_events"
SERVED = "counterpoint.testing.borders:across"
NOW = datetime(2027, 1, 1, tzinfo=UTC)
moments = st.datetimes(datetime(2026, 6, 1), datetime(2026, 6, 30)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001
windows = st.one_of(st.none(), st.integers(-3, 0).map(lambda last: Window(last - 1, last)))


@given(st.sampled_from(list(KINDS)), st.sampled_from(list(KINDS)), moments, st.integers(-2, 0), windows)
def test_dagster_maps_as_core_does_or_says_all(
    own_kind: PartitionKind, kind: PartitionKind, moment: datetime, shift: int, window: Window | None
) -> None:
    from counterpoint_dagster.partitions import external_mapping, partitions_def

    own, theirs = Partitions(own_kind, KINDS[own_kind]), Partitions(kind, KINDS[kind])
    wait = replace(input_from(EVENTS), offset=0 if window else shift, window=window)
    native, core = external_mapping(wait, own, theirs), PartitionMapping.of(wait, own, theirs)
    if isinstance(native, dg.AllPartitionMapping):
        assert core.relation is not Relation.SAME
        return
    key, mine, upstream = own.key_of(moment), partitions_def(own), partitions_def(theirs)
    mapped = native.get_upstream_mapped_partitions_result_for_partitions(
        mine.subset_with_partition_keys([key]), mine, upstream, current_time=NOW
    )
    assert tuple(mapped.partitions_subset.get_partition_keys()) == core.keys(key)


def deps_of(pipeline: Pipeline, prefix: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    from counterpoint_dagster.binding import Binding
    from counterpoint_dagster.translate import definitions

    definitions_of = definitions(pipeline, Binding(SERVED, prefix))
    specs = [asset.get_asset_spec() for asset in definitions_of.assets]
    return {tuple(dep.asset_key.path): dep.partition_mapping for spec in specs for dep in spec.deps}


def test_an_edge_leads_to_the_asset_of_the_other_pipeline() -> None:
    assert ("across_events",) in deps_of(across)
    assert ("across_source", "across_events") in deps_of(across, ("across",))
    assert ("team", "across_source", "across_events") in deps_of(across, ("team", "across"))


def test_both_pipelines_are_one_graph() -> None:
    from counterpoint_dagster.translate import translate

    both = dg.Definitions.merge(translate(across, SERVED), translate(across_source, SOURCE))
    dg.Definitions.validate_loadable(both)
    graph = both.resolve_asset_graph()
    (parent,) = graph.get(dg.AssetKey("across_counts")).parent_keys
    assert parent == dg.AssetKey("across_events")
    assert graph.get(parent).is_materializable


def test_a_missing_edge_is_missing_in_the_step() -> None:
    from counterpoint_dagster.translate import read_back, translate

    native = translate(across, SERVED)

    def without(spec: dg.AssetSpec) -> dg.AssetSpec:
        return spec.replace_attributes(deps=[dep for dep in spec.deps if dep.asset_key.path != ["across_events"]])

    assets = [asset.map_asset_specs(without) for asset in native.assets]
    read = read_back(dg.Definitions(assets=assets, jobs=native.jobs))
    assert [wait for step in read.steps for wait in step.waits] == []
    assert read_back(native).steps == across.steps


def test_an_own_step_of_the_same_name_is_another_asset() -> None:
    from counterpoint_dagster.translate import read_back, translate

    twin = step("counterpoint.testing.steps:counts", name="across_events", inputs={"table": input_from(EVENTS)})
    pipeline = replace(across, name="twins", steps=(twin,))
    assert list(deps_of(pipeline)) == [("across_source", "across_events")]
    assert read_back(translate(pipeline, SERVED)).steps == pipeline.steps
