"""What a pipeline looks like in Dagster: native where Dagster has a place for it, and read back from there."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

pytestmark = pytest.mark.dagster

from counterpoint.model import Partitions, RetryPolicy, Schedule
from counterpoint.testing.scenarios import fan_out, linear, timeout, window
from streamrec.pipeline import pipeline as streamrec

if TYPE_CHECKING:
    from pathlib import Path

    from counterpoint.model import Pipeline


@pytest.fixture(scope="module", autouse=True)
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Dagster keeps nothing in the user's home, wherever these tests run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(tmp_path_factory.mktemp("dagster")))
        yield


def translated(pipeline: Pipeline) -> Any:
    from counterpoint_dagster import ADAPTER

    return ADAPTER.translate(pipeline)


def read_back(native: Any) -> Pipeline:
    from counterpoint_dagster import ADAPTER

    return ADAPTER.read_back(native)


@pytest.fixture(scope="module")
def definitions() -> Any:
    return translated(streamrec)


@pytest.fixture(scope="module")
def assets(definitions: Any) -> dict[str, Any]:
    return {asset.key.to_user_string(): asset for asset in definitions.assets}


def mappings(asset: Any) -> dict[str, Any]:
    return {dep.asset_key.to_user_string(): dep.partition_mapping for dep in asset.get_asset_spec().deps}


class TestStreamrec:
    """The flagship, as a person sees it on Dagster's page."""

    def test_assets_have_the_public_names(self, assets: dict[str, Any]) -> None:
        assert sorted(assets) == sorted(streamrec.step_names)
        assert len(assets) == 8
        assert all(asset.key.path == [name] for name, asset in assets.items())

    def test_edges_are_native(self, definitions: Any) -> None:
        graph = definitions.resolve_asset_graph()
        found = {
            key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
            for key in graph.get_all_asset_keys()
        }
        # a window that ends before the day is an edge to Dagster, too
        assert found == {s.name: {*s.upstream, *(i.step for i in s.inputs)} for s in streamrec.steps}

    def test_partitions_are_daily_from_the_start(self, definitions: Any, assets: dict[str, Any]) -> None:
        import dagster as dg

        job = definitions.resolve_job_def("streamrec")
        for native in (job.partitions_def, *(asset.partitions_def for asset in assets.values())):
            assert isinstance(native, dg.DailyPartitionsDefinition)
            assert native.start == datetime(2010, 1, 1, tzinfo=UTC)
            assert native.get_first_partition_key() == "2010-01-01"

    @pytest.mark.parametrize(
        ("name", "first", "last"),
        [("training_features", -6, 0), ("retrieval_model", -6, -1), ("ranking_model", -6, -1)],
    )
    def test_windows_are_partition_mappings(self, assets: dict[str, Any], name: str, first: int, last: int) -> None:
        import dagster as dg

        native = mappings(assets[name])["validated_interactions"]
        assert isinstance(native, dg.TimeWindowPartitionMapping)
        assert (native.start_offset, native.end_offset) == (first, last)

    def test_dagster_finds_the_seven_days_of_a_window(self, assets: dict[str, Any]) -> None:
        daily = assets["training_features"].partitions_def
        mapped = mappings(assets["training_features"])["validated_interactions"]
        day = daily.empty_subset().with_partition_keys(["2026-01-07"])
        days = mapped.get_upstream_mapped_partitions_result_for_partitions(day, daily, daily).partitions_subset
        assert sorted(days.get_partition_keys()) == [f"2026-01-0{number}" for number in range(1, 8)]

    def test_pools_and_retries_are_native(self, assets: dict[str, Any]) -> None:
        assert {name: asset.op.pool for name, asset in assets.items()} == {s.name: s.pool for s in streamrec.steps}
        retry = assets["ranking_model"].op.retry_policy
        assert (retry.max_retries, retry.delay) == (2, 30)
        assert (retry.backoff.value, retry.jitter.value) == ("EXPONENTIAL", "FULL")
        assert assets["raw_interactions"].op.retry_policy.jitter is None
        assert assets["retrieval_evaluation"].op.retry_policy is None

    def test_freshness_and_checks_are_native(self, assets: dict[str, Any]) -> None:
        fresh = {name: asset.get_asset_spec().freshness_policy for name, asset in assets.items()}
        assert {name for name, policy in fresh.items() if policy} == {"retrieval_model", "ranking_model"}
        assert fresh["ranking_model"].fail_window.to_timedelta() == timedelta(hours=26)
        checks = {name: [spec.name for spec in asset.check_specs] for name, asset in assets.items()}
        assert checks == {s.name: ["contract"] if s.output.contract else [] for s in streamrec.steps}

    def test_references_pass_by_a_resource(self, definitions: Any, assets: dict[str, Any]) -> None:
        import dagster as dg

        assert isinstance(definitions.resources["streamrec_references"], dg.IOManager | dg.ConfigurableIOManager)
        keys = {asset.node_def.output_def_named("result").io_manager_key for asset in assets.values()}
        assert keys == {"streamrec_references"}

    def test_pages_tell_versions_and_descriptions(self, assets: dict[str, Any]) -> None:
        specs = {name: asset.get_asset_spec() for name, asset in assets.items()}
        assert all(specs[s.name].description == s.description for s in streamrec.steps)
        assert all(len(spec.code_version) == 12 for spec in specs.values())
        assert {spec.group_name for spec in specs.values()} == {"streamrec"}

    def test_all_of_it_is_read_back(self, definitions: Any) -> None:
        assert read_back(definitions) == streamrec


def _nothing() -> None:
    """Materializes nothing."""


def by_hand(definitions: Any, name: str, **properties: Any) -> Any:
    """The definitions with one asset as a person would write it instead, beside what ours keeps in its metadata."""
    import dagster as dg

    ours = next(asset for asset in definitions.assets if asset.key.to_user_string() == name)

    kept = ours.metadata_by_key[ours.key]
    native = dg.asset(name=name, metadata=kept, partitions_def=ours.partitions_def, **properties)(_nothing)
    assets = [native if asset is ours else asset for asset in definitions.assets]
    return dg.Definitions(assets=assets, jobs=definitions.jobs, schedules=definitions.schedules)


class TestReadBack:
    """What is changed natively is seen, for it is read from there."""

    def test_a_retry_policy(self) -> None:
        import dagster as dg

        retry = dg.RetryPolicy(max_retries=7, delay=3)
        found = read_back(by_hand(translated(linear), "linear_numbers", retry_policy=retry, description="Another."))
        ours = linear.step("linear_numbers")
        assert found.step("linear_numbers") == replace(
            ours, retry=RetryPolicy(7, timedelta(seconds=3)), description="Another."
        )
        assert found.steps[1:] == linear.steps[1:]

    def test_a_pool_that_is_gone_and_a_freshness_policy(self) -> None:
        import dagster as dg

        fresh = dg.FreshnessPolicy.time_window(timedelta(hours=3))
        found = read_back(by_hand(translated(fan_out), "fan_source", freshness_policy=fresh)).step("fan_source")
        assert (found.pool, found.freshness) == (None, timedelta(hours=3))

    def test_an_edge_that_is_gone(self) -> None:
        found = read_back(by_hand(translated(linear), "linear_slow", deps=["linear_numbers"]))
        assert found.step("linear_slow").after == ()
        assert found.step("linear_slow").inputs == linear.step("linear_slow").inputs

    @pytest.mark.parametrize(("first", "kept"), [(-2, 1), (-5, 0)])
    def test_a_window_that_is_another(self, first: int, kept: int) -> None:
        import dagster as dg

        offsets = dg.TimeWindowPartitionMapping(start_offset=first, end_offset=-1)
        deps = [dg.AssetDep("window_events", partition_mapping=offsets)]
        found = read_back(by_hand(translated(window), "window_before", deps=deps))
        assert len(found.step("window_before").inputs) == kept

    def test_a_job_with_another_name_and_first_day(self) -> None:
        import dagster as dg

        ours = translated(linear)
        days = dg.DailyPartitionsDefinition("2025-06-01", timezone="UTC")
        job = dg.define_asset_job("renamed", partitions_def=days, metadata=ours.jobs[0].metadata)
        every = dg.ScheduleDefinition(job=job, cron_schedule="30 4 * * *")
        found = read_back(dg.Definitions(assets=ours.assets, jobs=[job], schedules=[every]))
        assert (found.name, found.partitions) == ("renamed", Partitions(start="2025-06-01"))
        assert found.schedule == Schedule("30 4 * * *")


def test_what_dagster_lacks_has_a_stand_in() -> None:
    from counterpoint_dagster import ADAPTER

    limits = {limit.subject: limit for limit in ADAPTER.limits}
    assert "core kills the process" in str(limits["timeout"].stand_in)
    assert read_back(translated(timeout)).step("endless").timeout == timedelta(seconds=2)


@pytest.mark.parametrize("name", ["streamrec", "counterpoint.testing.scenarios:fan_out"])
def test_loading_the_definitions_loads_no_data_library(name: str, tmp_path: Path) -> None:
    code = (
        "import sys; from counterpoint_dagster.definitions import defs; print(defs.jobs[0].name); print(*sys.modules)"
    )
    environment = {"DAGSTER_HOME": str(tmp_path), "COUNTERPOINT_PIPELINES": name, "HOME": str(tmp_path), "PATH": ""}
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    job, modules = said.stdout.splitlines()[-2:]
    assert job in {"streamrec", "fan_out"}
    assert not {"polars", "torch", "pandera", "mlflow", "deltalake", "pandas"}.intersection(modules.split())
