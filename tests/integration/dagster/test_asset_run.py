"""Materializations in this process, seen from Dagster's own event log."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytestmark = pytest.mark.dagster

from counterpoint.adapter import find_adapter
from counterpoint.model import ArtifactRef, RunRecord, RunRequest, Status
from counterpoint.runtime import collect, find_pipeline
from counterpoint.runtime.registry import FOLDER
from counterpoint.services import ProcessEngine, home_of
from counterpoint.storage import Store
from counterpoint.testing import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Iterator

READ = ("raw_interactions", "validated_interactions")
SIZES = {"small": 2_000, "large": 16_000}
BROKEN = '''
from counterpoint.errors import ContractError
from counterpoint.model import Output, Pipeline, step


def many():
    return 3


def few(value):
    """At most two."""
    if value > 2:
        raise ContractError(f"{value} are too many")


pipeline = Pipeline("broken", (step("broken:many", output=Output(contract="broken:few")),))
'''


def request(root: Path, name: str, **properties: Any) -> RunRequest:
    scenario = next(scenario for scenario in SCENARIOS if scenario.name == name)
    return RunRequest(scenario.reference, scenario.partition, f"{name}-whole", str(root), "dagster", **properties)


def run(asked: RunRequest) -> RunRecord:
    engine = ProcessEngine(find_adapter("dagster"))
    pipeline = find_pipeline(asked.pipeline).configured(asked.config)
    return collect(pipeline, Store(asked.root, pipeline), asked, engine.run([asked])[0], engine.version)


def sizes(root: Path) -> list[int]:
    """The bytes of every event in Dagster's log of all runs below a root, biggest last."""
    found = []
    for path in (home_of(str(root), "dagster") / "history" / "runs").glob("*.db"):
        with closing(sqlite3.connect(path)) as connection:
            if path.stem != "index":
                found += [size for (size,) in connection.execute("select length(event) from event_logs")]
    return sorted(found)


@contextmanager
def instance_of(root: Path) -> Iterator[Any]:
    import dagster as dg

    with dg.DagsterInstance.local_temp(str(home_of(str(root), "dagster"))) as instance:
        yield instance


def shown(root: Path, name: str) -> dict[str, Any]:
    """The metadata of an asset's latest materialization, as its page shows it."""
    import dagster as dg

    with instance_of(root) as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey(name))
    assert event is not None
    return {key: value.value for key, value in event.asset_materialization.metadata.items()}


def checks(root: Path, name: str) -> list[tuple[bool, str | None]]:
    import dagster as dg

    key = dg.AssetCheckKey(dg.AssetKey(name), "contract")
    with instance_of(root) as instance:
        history = instance.event_log_storage.get_asset_check_execution_history(key, limit=10)
        told = [record.event.dagster_event for record in history if record.event]
    evaluations = [e for e in told if e.event_type_value == "ASSET_CHECK_EVALUATION"]
    return [(e.event_specific_data.passed, e.event_specific_data.description) for e in evaluations]


@pytest.fixture(scope="module")
def sized(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The first two steps of the flagship on few and on many events, each at a root of its own."""
    records = {}
    for name, rows in SIZES.items():
        config = {"source": f"synthetic:rows={rows},users=200,items=80,seed=7"}
        root = tmp_path_factory.mktemp(name)
        asked = RunRequest("streamrec", "2026-01-07", name, str(root), "dagster", steps=READ, config=config)
        records[name] = (root, run(asked))
    return records


class TestSizes:
    """Dagster's database is told of data, and never holds it."""

    def test_the_log_holds_references_whatever_the_size_of_the_data(self, sized: dict[str, Any]) -> None:
        small, large = (sizes(sized[name][0]) for name in SIZES)
        bytes_of = {name: sum(step.output.bytes for step in sized[name][1].steps) for name in SIZES}
        assert bytes_of["large"] > 5 * bytes_of["small"]
        assert len(small) == len(large) > 15
        # a column's least and greatest value, and a count per rule that some row broke: no more of the data
        assert large[-1] < min(8_000, 1.3 * small[-1])

    @pytest.mark.parametrize("step", READ)
    def test_materializations_tell_rows_statistics_and_digest(self, sized: dict[str, Any], step: str) -> None:
        root, record = sized["large"]
        output, metadata = record.step(step).output, shown(root, step)
        assert metadata["dagster/row_count"] == output.rows
        assert {name: metadata[name] for name in ("uri", "digest", "bytes", "table_version")} == {
            name: getattr(output, name) for name in ("uri", "digest", "bytes", "table_version")
        }
        names = [column.name for column in metadata["dagster/column_schema"].columns]
        assert names == list(metadata["columns"])
        assert metadata["columns"]["event_type"] == {"min": "click", "max": "play", "nulls": 0, "type": "String"}

    def test_checks_are_evaluated_of_what_was_materialized(self, sized: dict[str, Any]) -> None:
        assert {step: [passed for passed, _ in checks(sized["small"][0], step)] for step in READ} == {
            step: [True] for step in READ
        }

    def test_a_step_that_is_not_selected_is_not_run(self, sized: dict[str, Any]) -> None:
        import dagster as dg

        root, record = sized["small"]
        assert [step.name for step in record.steps] == list(READ)
        with instance_of(root) as instance:
            assert {key.to_user_string() for key in instance.all_asset_keys()} == set(READ)
            assert instance.get_latest_materialization_event(dg.AssetKey("training_features")) is None

    def test_each_home_is_whole(self, sized: dict[str, Any]) -> None:
        for name in SIZES:
            with instance_of(sized[name][0]) as instance:
                (found,) = instance.get_runs()
            assert (found.status.value, found.tags["counterpoint/run_id"]) == ("SUCCESS", name)
            assert found.tags["dagster/partition"] == "2026-01-07"


def test_a_part_reads_what_stands_and_metrics_are_shown(tmp_path: Path) -> None:
    before = {FOLDER: str(Path.cwd()), **os.environ}  # what a command's children search, too
    whole = run(request(tmp_path, "linear"))
    part = run(replace(request(tmp_path, "linear", steps=("linear_mean",), force=True), run_id="part"))
    assert [(s.name, s.status, s.output) for s in part.steps] == [
        ("linear_mean", Status.SUCCESS, whole.step("linear_mean").output)
    ]
    assert shown(tmp_path, "linear_mean")["metrics"] == {"mean": pytest.approx((1 + 3 + 0 + 7) / 3)}
    with instance_of(tmp_path) as instance:
        newest, _ = instance.get_runs()
        assert [stat.step_key for stat in instance.get_run_step_stats(newest.run_id)] == ["linear_mean"]
    assert dict(os.environ) == before


def test_a_mapped_step_is_one_asset_with_all_its_elements(tmp_path: Path) -> None:
    record = run(request(tmp_path, "mapped"))
    output = record.step("map_each").output
    assert (record.status, output and output.kind) == (Status.SUCCESS, "mapped")
    with instance_of(tmp_path) as instance:
        assert len(instance.get_runs()) == 1
        assert len(instance.all_asset_keys()) == 4
    store = Store(str(tmp_path), find_pipeline(request(tmp_path, "mapped").pipeline))
    assert [store.read(entry.reference) for entry in store.entries("map_each").values()] == [1, 9, 0]


def test_a_broken_contract_is_a_failed_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.py").write_text(BROKEN, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    record = run(RunRequest("broken:pipeline", "2026-01-07", "broken", str(tmp_path), "dagster"))
    assert [step.error.type for step in record.steps if step.error] == ["ContractError"]
    assert checks(tmp_path, "many") == [(False, "3 are too many")]
    with instance_of(tmp_path) as instance:
        (found,) = instance.get_runs()
        assert found.status.value == "FAILURE"


def test_the_io_manager_is_swapped_by_its_resource(tmp_path: Path) -> None:
    import dagster as dg

    from counterpoint_dagster.runs import tags_of

    handed: dict[str, Any] = {}

    class Own(dg.IOManager):  # type: ignore[misc]  # dagster is Any to mypy
        def handle_output(self, context: Any, obj: Any) -> None:
            handed[context.asset_key.to_user_string()] = obj

        def load_input(self, context: Any) -> Any:
            return handed[context.asset_key.to_user_string()]

    asked = request(tmp_path, "linear", steps=("linear_numbers", "linear_total"))
    native = find_adapter("dagster").translate(find_pipeline(asked.pipeline))
    assets = [asset for asset in native.assets if asked.selects(asset.key.to_user_string())]
    given = {"resources": {"linear_references": Own()}, "tags": tags_of(asked)}
    with dg.DagsterInstance.ephemeral() as instance:
        assert dg.materialize(assets, partition_key=asked.partition, instance=instance, **given).success
    assert {name: type(made) for name, made in handed.items()} == dict.fromkeys(asked.steps or (), ArtifactRef)
    assert not list(tmp_path.rglob("handed"))


def test_metadata_tells_what_mlflow_knows() -> None:
    from counterpoint_dagster.step import metadata_of

    made = ArtifactRef("registered_models", "2026-01-07", "registration", "/there", None, None, 12, "sha256:0")
    details = {"mlflow_runs": {"ranking": "abc"}, "registry_versions": {"ranking": 3}, "lineage": "/there/lineage.json"}
    told = metadata_of(made, {"details": details, "metrics": {}})
    assert told == {**details, "uri": "/there", "digest": "sha256:0", "bytes": 12}
