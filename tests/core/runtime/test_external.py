"""Inputs from other pipelines: what is read, what is refused, and how far a change is seen."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import borders
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counterpoint.errors import ContractError, DefinitionError, UsageError
from counterpoint.model import PRODUCTION, RunRequest, Status, input_from, step
from counterpoint.runtime import Freshness, collect, context_of, execute, find_pipeline, freshness
from counterpoint.runtime.external import check_external
from counterpoint.runtime.local import LocalRun
from counterpoint.services.engines import LocalEngine
from counterpoint.services.launch import launch
from counterpoint.storage import Store

DAY = "2026-01-07"


def request_of(root: Path, pipeline: str, key: str = DAY, **more) -> RunRequest:
    return RunRequest(f"borders:{pipeline}", key, f"{pipeline}-{key}-{more.get('version', '')}", str(root), **more)


def make(root: Path, *keys: str, step: str = "trades", pipeline: str = "market", **more) -> None:
    for key in keys:
        execute(request_of(root, pipeline, key, **more), step)


def value_of(root: Path, pipeline: str, name: str, key: str = DAY, version: str = PRODUCTION):
    store = Store(str(root), find_pipeline(f"borders:{pipeline}"), version)
    entry = store.entry(name, key)
    return store.read(entry.reference) if entry else None


def run(request: RunRequest):
    pipeline = find_pipeline(request.pipeline)
    store = Store(request.root, pipeline, request.version)
    return collect(pipeline, store, request, LocalRun(request, parallel=1).run(), "0")


def state(root: Path, pipeline: str, name: str, key: str = DAY) -> Freshness:
    return freshness(context_of(request_of(root, pipeline, key), name))


def test_a_step_reads_the_same_day_and_a_window(tmp_path: Path) -> None:
    make(tmp_path, "2026-01-06", DAY)
    assert run(request_of(tmp_path, "desk")).status is Status.SUCCESS
    assert value_of(tmp_path, "desk", "twice") == {"day": 14}
    assert value_of(tmp_path, "desk", "total") == {"2026-01-06": 6, DAY: 7}


def test_a_window_shrinks_at_the_first_partition_of_the_other(tmp_path: Path) -> None:
    make(tmp_path, "2026-01-05")
    execute(request_of(tmp_path, "desk", "2026-01-05"), "total")
    assert value_of(tmp_path, "desk", "total", "2026-01-05") == {"2026-01-05": 5}


def test_a_week_reads_its_days_and_a_day_the_week_before(tmp_path: Path) -> None:
    make(tmp_path, *(f"2026-01-{day:02}" for day in range(5, 12)))
    execute(request_of(tmp_path, "weeks", "2026-01-05"), "total")
    assert value_of(tmp_path, "weeks", "total", "2026-01-05") == {f"2026-01-{d:02}": d for d in range(5, 12)}
    execute(request_of(tmp_path, "last_week", "2026-01-15"), "of_week")
    assert value_of(tmp_path, "last_week", "of_week", "2026-01-15")["2026-01-11"] == 11


def test_what_is_missing_is_named_with_its_command(tmp_path: Path) -> None:
    make(tmp_path, "2026-01-06")
    record = run(request_of(tmp_path, "desk"))
    error = record.step("total").error
    assert record.status is Status.FAILED
    assert error.failure == "missing_input"
    assert "trades of borders:market" in error.message
    assert f"counterpoint run borders:market --date {DAY} --root {tmp_path}' makes what is missing" in error.message


def test_a_wait_alone_may_be_for_the_week_before(tmp_path: Path) -> None:
    error = run(request_of(tmp_path, "waits_only", "2026-01-15")).step("of_week").error
    assert "total of borders:weeks for 2026-01-15, shifted by -1" in error.message
    assert "run borders:weeks --date 2026-01-05" in error.message
    make(tmp_path, *(f"2026-01-{day:02}" for day in range(5, 12)))
    make(tmp_path, "2026-01-05", pipeline="weeks", step="total")
    assert run(request_of(tmp_path, "waits_only", "2026-01-15")).status is Status.SUCCESS


def test_a_day_before_the_first_week_says_so(tmp_path: Path) -> None:
    error = run(request_of(tmp_path, "last_week", "2026-01-07")).step("of_week").error
    assert "2025-12-29 lies before the pipeline's start 2026-01-05" in error.message


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_pipeline", "no_pipeline.of_week reads borders:weks.total: borders:weks"),
        ("no_step", "borders:weeks.totl, which is no step: did you mean 'total'?"),
        ("no_output", "borders:market.nothing, which has no output: let week read a step that returns something"),
        ("itself", "itself.of_week reads borders:itself.of_week of its own pipeline"),
        ("left", r"left.of_week -> right.of_week -> left.of_week: remove one"),
        ("days", "days.first 2024"),
    ],
)
def test_what_cannot_be_read_is_refused_before_anything_runs(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(UsageError) as refusal:
        launch(request_of(tmp_path, name), LocalEngine())
    assert message in str(refusal.value)
    assert not list(tmp_path.iterdir())


def test_a_loop_over_the_week_before_is_no_cycle() -> None:
    for name in ("scored", "trained", "weeks", "desk", "last_week"):
        check_external(find_pipeline(f"borders:{name}"))


def test_a_declaration_that_says_nothing_is_refused() -> None:
    for source in ("summary", ".summary", "fraud.", 3, "fraud.a b"):
        with pytest.raises(DefinitionError, match=r"write pipeline\.step"):
            input_from(source)
    with pytest.raises(DefinitionError, match="does not wait for what comes after it"):
        input_from("fraud.summary", shift=1)
    with pytest.raises(DefinitionError, match="has its own offsets"):
        input_from("fraud.summary", "t-1..t", shift=-1)
    mapped = step(borders.of_week, inputs={"week": input_from("fraud.summary")}, map_over="week")
    with pytest.raises(DefinitionError, match="maps over week, which is of another pipeline"):
        replace(borders.scored, steps=(mapped,))
    with pytest.raises(DefinitionError, match="of its own pipeline"):
        replace(borders.scored, steps=(step(borders.of_week, inputs={"week": input_from("scored.of_week")}),))
    with pytest.raises(DefinitionError, match="stands in waits"):
        replace(borders.market, steps=(step(borders.nothing, waits=(input_from("fraud.summary"),)),))


def test_a_changed_input_makes_stale_and_an_equal_one_does_not(tmp_path: Path) -> None:
    make(tmp_path, DAY)
    execute(request_of(tmp_path, "desk"), "twice")
    make(tmp_path, DAY, force=True)
    assert state(tmp_path, "desk", "twice") is Freshness.FRESH
    make(tmp_path, DAY, config={"scale": 3})
    assert state(tmp_path, "desk", "twice") is Freshness.STALE
    execute(request_of(tmp_path, "desk"), "twice")
    assert value_of(tmp_path, "desk", "twice") == {"day": 42}


def test_what_breaks_the_contract_of_now_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, DAY)
    stricter = borders.pa.DataFrameSchema({"amount": borders.pa.Column(int, borders.pa.Check.ge(100))}, name="strict")
    monkeypatch.setattr(borders, "POSITIVE", stricter)
    with pytest.raises(ContractError, match="breaks the contract that it has now") as refusal:
        execute(request_of(tmp_path, "desk"), "twice")
    assert "desk.twice" in str(refusal.value)
    assert "run borders:market --date 2026-01-07" in str(refusal.value)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    events=st.lists(
        st.tuples(st.sampled_from(["production", "try"]), st.integers(1, 3), st.booleans()), min_size=1, max_size=5
    )
)
def test_a_version_in_work_is_never_read(tmp_path_factory: pytest.TempPathFactory, events) -> None:
    root, published = tmp_path_factory.mktemp("root"), None
    for version, scale, with_reader in events:
        make(root, DAY, version=version, config={"scale": scale})
        published = scale if version == PRODUCTION else published
        if published is not None and with_reader:
            reader = request_of(root, "desk", version="mine")
            execute(reader, "twice")
            assert value_of(root, "desk", "twice", version="mine") == {"day": 14 * published}
            assert freshness(context_of(reader, "twice")) is Freshness.FRESH


def test_the_lineage_crosses_to_the_other_run(tmp_path: Path) -> None:
    make(tmp_path, "2026-01-06", DAY)
    record = launch(request_of(tmp_path, "desk"), LocalEngine())
    schema = json.loads((Path(__file__).parents[3] / "docs/schemas/lineage.schema.json").read_text(encoding="utf-8"))
    lineage = json.loads(Path(record.lineage.removeprefix("file://")).read_text(encoding="utf-8"))
    read = lineage["external_inputs"]["total"]["days"]
    assert "external_inputs" in schema["properties"]
    assert (read["pipeline"], read["step"]) == ("borders:market", "trades")
    assert {key: part["run_id"] for key, part in read["partitions"].items()} == {
        key: f"market-{key}-" for key in ("2026-01-06", DAY)
    }
    trades = Store(str(tmp_path), borders.market).entry("trades", DAY)
    assert read["partitions"][DAY]["digest"] == trades.reference.digest


def test_a_frame_is_what_the_other_step_made(tmp_path: Path) -> None:
    make(tmp_path, DAY)
    external = context_of(request_of(tmp_path, "desk"), "twice").external["amount"]
    assert external.is_single
    assert external.read(external.references).equals(pl.DataFrame({"amount": [7]}))


def test_openlineage_names_the_table_of_the_other_pipeline(tmp_path: Path) -> None:
    from counterpoint.model import StepRecord
    from counterpoint.runtime.openlineage_events import fail

    make(tmp_path, "2026-01-06", DAY)
    event = fail(context_of(request_of(tmp_path, "desk"), "total"), StepRecord("total", Status.FAILED))
    (dataset,) = event.inputs
    table = Store(str(tmp_path), borders.market).entry("trades", DAY).reference
    assert dataset.name == table.uri
    assert dataset.facets["version"].datasetVersion == str(table.table_version)


def test_locked_requirements_hold_the_distribution_of_the_other_pipeline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from counterpoint.build import project_of

    source = "from counterpoint.model import Pipeline, input_from, step\n\n\ndef reads(given): ...\n\n\n"
    for name, other in (("ebb", "streamrec.raw_interactions"), ("flood", "borders:market.trades")):
        text = f"{source}pipeline = Pipeline('{name}', (step(reads, inputs={{'given': input_from('{other}')}}),))\n"
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
        (info / "RECORD").write_text(f"{name}.py,,\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert any(line.startswith("streamrec==") for line in project_of("ebb:pipeline").requirements)
    with pytest.raises(UsageError, match="borders:market.trades, which belongs to no installed distribution"):
        project_of("flood:pipeline")


def test_a_comparison_below_a_new_root_is_refused(tmp_path: Path) -> None:
    from counterpoint_compare.runs import Comparison, compare

    chosen = {"pipeline": "borders:desk", "root": str(tmp_path), "orchestrators": ("local",)}
    fields = {name: chosen.get(name, "") for name in Comparison.__dataclass_fields__}
    with pytest.raises(UsageError, match=r"where borders:market\.trades, borders:market\.trades is not published"):
        compare(Comparison(**fields), Path)
