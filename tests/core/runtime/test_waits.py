"""Waiting: what counts as there, how a run waits and goes on, how it fails when it has waited long enough."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema
import polars as pl
import pytest
from deltalake import DeltaTable

from counterpoint.backfill import BackfillRequest, prepare, run_backfill
from counterpoint.cli.main import main
from counterpoint.errors import MissingInputError, StorageError, UsageError
from counterpoint.model import Partitions, RunRecord, RunRequest, Status, marker, partition_of, table_written
from counterpoint.runtime import LocalRun, collect, find_pipeline
from counterpoint.runtime.waits import admit, held, look, satisfied, still, wait_until_admitted
from counterpoint.services import LocalEngine
from counterpoint.storage import Store
from counterpoint.storage.layout import step_waiting as waiting_path

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/schemas/status.schema.json").read_text(encoding="utf-8"))
DAY = Partitions().partition("2026-01-03")
FRAME = pl.DataFrame({"x": [1, 2]})


def store_of(root: str | Path, pipeline: str = "waiting") -> Store:
    return Store(str(root), find_pipeline(f"patience:{pipeline}"))


def request_of(root: Path, pipeline: str, **more) -> RunRequest:
    return RunRequest(f"patience:{pipeline}", DAY.key, f"run-{pipeline}", str(root), **more)


def run(request: RunRequest) -> RunRecord:
    store = Store(request.root, find_pipeline(request.pipeline))
    return collect(store.pipeline, store, request, LocalRun(request, parallel=1).run(), "0")


def put(root: Path, path: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).touch()


@pytest.mark.parametrize(
    "form", ["{root}/m/{{partition}}/_SUCCESS", "m/{{partition}}/_SUCCESS", "file://{root}/m/{{partition}}/_SUCCESS"]
)
def test_a_marker_is_there_or_not(tmp_path: Path, form: str) -> None:
    wait = marker(form.format(root=tmp_path))
    put(tmp_path, "m/2026-01-02/_SUCCESS")
    assert not satisfied(wait, DAY, store_of(tmp_path))
    put(tmp_path, f"m/{DAY.key}/_SUCCESS")
    assert satisfied(wait, DAY, store_of(tmp_path))


def test_a_marker_on_s3(bucket: str, tmp_path: Path) -> None:
    far = store_of(bucket)
    there, below = marker(f"{bucket}/{{partition}}/_SUCCESS"), marker("{partition}/_SUCCESS")
    assert not satisfied(there, DAY, far)
    far.put(f"{DAY.key}/_SUCCESS", b"")
    assert satisfied(there, DAY, store_of(tmp_path))
    assert satisfied(below, DAY, far)


def test_what_cannot_be_looked_at_is_waited_for_and_told(tmp_path: Path) -> None:
    put(tmp_path, f"markers/{DAY.key}")
    log = tmp_path / "tables" / "orders" / "_delta_log" / f"{0:020}.json"
    log.parent.mkdir(parents=True)
    log.write_text("no log", encoding="ascii")
    with pytest.raises(StorageError):
        satisfied(table_written("tables/orders"), DAY, store_of(tmp_path))
    (said,) = look(request_of(tmp_path, "short"), "tired").words
    assert said.startswith(f"table tables/orders ({tmp_path}/tables/orders cannot be read or written: ")


@pytest.mark.parametrize("place", ["local", "s3"])
def test_a_table_is_there_when_it_was_written_after_the_partition(request, tmp_path: Path, place: str) -> None:
    root = str(tmp_path) if place == "local" else request.getfixturevalue("bucket").partition("[")[0]
    store, uri = store_of(root), f"{root}/orders"
    wait, today = table_written(uri), Partitions().partition(f"{datetime.now(UTC):%Y-%m-%d}")
    assert not satisfied(wait, DAY, store)
    written(uri)
    assert satisfied(wait, DAY, store)
    assert satisfied(table_written("orders"), DAY, store)
    assert not satisfied(wait, today, store)


def written(uri: str) -> DeltaTable:
    from counterpoint.storage.tables import options

    FRAME.write_delta(uri, mode="append", storage_options=options())
    return DeltaTable(uri, storage_options=options())


def test_upkeep_of_a_table_is_no_new_version(tmp_path: Path) -> None:
    store, wait = store_of(tmp_path), table_written("orders")
    table = written(f"{tmp_path}/orders")
    written(f"{tmp_path}/orders")
    between = replace(DAY, end=datetime.now(UTC))
    table.update_incremental()
    for _ in range(6):
        table.alter.set_table_properties({"delta.checkpointInterval": "5"})
    table.optimize.compact()
    assert not satisfied(wait, between, store)
    written(f"{tmp_path}/orders")
    assert satisfied(wait, between, store)


def test_a_table_without_rows_was_not_written(tmp_path: Path) -> None:
    DeltaTable.create(f"{tmp_path}/orders", FRAME.to_arrow().schema)
    assert not satisfied(table_written("orders"), DAY, store_of(tmp_path))


def test_a_partition_of_another_pipeline(tmp_path: Path) -> None:
    wait, store = partition_of("patience:ingest", "ingested"), store_of(tmp_path)
    run(replace(request_of(tmp_path, "ingest", steps=("ingested",)), version="trial"))
    assert not satisfied(wait, DAY, store)  # that is not production
    run(request_of(tmp_path, "ingest", steps=("ingested",), orchestrator="elsewhere"))
    assert satisfied(wait, DAY, store)


def test_partitions_of_another_length_are_all_waited_for(tmp_path: Path) -> None:
    store = store_of(tmp_path)
    hours = partition_of("patience:hourly", "ingested")
    month = partition_of("patience:monthly", "ingested")
    made = store_of(tmp_path, "ingest")
    run(request_of(tmp_path, "ingest", steps=("ingested",)))
    entry = made.entry("ingested", DAY.key)
    assert entry
    for hour in range(24):
        assert not satisfied(hours, DAY, store)
        reference = replace(entry.reference, partition=f"{DAY.key}T{hour:02}")
        store_of(tmp_path, "hourly").publish(replace(entry, reference=reference))
    assert satisfied(hours, DAY, store)
    assert not satisfied(month, DAY, store)
    store_of(tmp_path, "monthly").publish(replace(entry, reference=replace(entry.reference, partition="2026-01")))
    assert satisfied(month, DAY, store)


def test_what_no_one_can_wait_for_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean"):
        satisfied(partition_of("streamrek", "x"), DAY, store_of(tmp_path))
    record = run(request_of(tmp_path, "mistaken"))
    assert record.step("wrong").error.failure == "bad_configuration"
    assert "which is mapped: wait for a step that merges its elements" in record.step("wrong").error.message


@contextmanager
def beginning(request: RunRequest) -> Iterator:
    """A run that has begun to wait, as a future."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(run, request)
        while not held(request) and not future.done():
            pass
        yield future


def test_a_run_waits_and_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    request = request_of(tmp_path, "waiting")
    with caplog.at_level("INFO", "counterpoint"), beginning(request) as future:
        store = store_of(tmp_path)
        while store.entry("beside", DAY.key) is None:  # the only slot and the only worker are free
            assert not future.done()
        noted = held(request)["patient"]
        assert noted["for"] == [f"marker markers/{DAY.key}/_SUCCESS"]
        assert datetime.fromisoformat(noted["until"]) - datetime.fromisoformat(noted["since"]) == timedelta(minutes=2)
        put(tmp_path, f"markers/{DAY.key}/_SUCCESS")
        record = future.result(60)
    assert {s.name: (s.status.value, s.attempts) for s in record.steps} == dict.fromkeys(
        ("early", "patient", "beside", "after"), ("success", 1)
    )
    assert held(request) == {}
    assert store.get_json(waiting_path("waiting", request.run_id, "patient"))["ended"]
    said = [text for text in caplog.messages if "waits for" in text]
    assert len(said) == 1
    assert said[0].startswith(f"{DAY.key} patient waits for marker markers/{DAY.key}/_SUCCESS until ")


def test_a_run_waits_for_another_pipeline(tmp_path: Path) -> None:
    with beginning(request_of(tmp_path, "later")) as future:
        run(request_of(tmp_path, "ingest", steps=("ingested",)))
        assert future.result(60).status is Status.SUCCESS


def test_what_is_there_is_not_waited_for(tmp_path: Path) -> None:
    put(tmp_path, f"markers/{DAY.key}/_SUCCESS")
    request = request_of(tmp_path, "waiting")
    assert run(request).status is Status.SUCCESS
    assert store_of(tmp_path).get_json(waiting_path("waiting", request.run_id, "patient")) is None


def test_waiting_long_enough_is_a_failure(tmp_path: Path) -> None:
    request = request_of(tmp_path, "short")
    record = run(request)
    assert [(s.name, s.status.value, s.attempts) for s in record.steps] == [
        ("early", "success", 1),
        ("tired", "failed", 1),
        ("never", "upstream_failed", 0),
        ("anyway", "success", 1),
    ]
    error = record.step("tired").error
    assert (error.type, error.failure, error.retryable) == ("MissingInputError", "missing_input", False)
    # a busy machine needs a second or two to look
    words = r"waited \d s for marker markers/2026-01-03, table tables/orders: see why it does not come"
    assert re.search(words, error.message)
    (attempt,) = store_of(tmp_path).get_json(f"runs/short/{request.run_id}/tired.failures.json")["attempts"]
    assert attempt["last"]
    assert held(request) == {}


def test_the_first_look_counts_also_after_a_restart(tmp_path: Path) -> None:
    request = request_of(tmp_path, "short")
    first = look(request, "tired")
    again = look(request, "tired")
    assert first is not None
    assert again is not None
    assert (first.since, first.until) == (again.since, again.until)
    put(tmp_path, f"markers/{DAY.key}")
    assert look(request, "tired").words == ("table tables/orders",)
    assert held(request)["tired"]["for"] == ["table tables/orders"]
    assert look(request, "tired").until == first.since + timedelta(minutes=2)


def test_who_begins_again_after_the_time_out_waits_anew(tmp_path: Path) -> None:
    request = request_of(tmp_path, "short")
    while still(request, "tired"):
        pass
    with pytest.raises(MissingInputError):
        admit(request, "tired")
    assert still(request, "tired") is not None
    with pytest.raises(MissingInputError):
        wait_until_admitted(request, "tired")


def test_a_backfill_waits_in_each_partition(tmp_path: Path) -> None:
    for day in ("2026-01-03", "2026-01-04"):
        put(tmp_path, f"markers/{day}/_SUCCESS")
    asked = BackfillRequest("patience:waiting", "2026-01-03", "2026-01-05", "v2", "local", parallel=4)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(run_backfill, prepare(asked, str(tmp_path)), LocalEngine())
        store = Store(str(tmp_path), find_pipeline("patience:waiting"), "v2")
        while store.entry("after", "2026-01-04") is None or store.entry("beside", "2026-01-05") is None:
            assert not future.done()
        put(tmp_path, "markers/2026-01-05/_SUCCESS")
        assert future.result(60)["status"] == "success"


def test_status_tells_what_is_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["status", "patience:waiting", "--root", str(tmp_path)]
    with beginning(request_of(tmp_path, "waiting")) as future:
        assert main(words) == 0
        assert f"{DAY.key} patient waits for marker markers/{DAY.key}/_SUCCESS" in capsys.readouterr().out
        assert main([*words, "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        jsonschema.validate(found, SCHEMA, cls=jsonschema.Draft202012Validator)
        (told,) = found["waiting"]
        assert (told["step"], told["date"], told["run_id"]) == ("patient", DAY.key, "run-waiting")
        put(tmp_path, f"markers/{DAY.key}/_SUCCESS")
        future.result(60)
    main([*words, "--json"])
    assert json.loads(capsys.readouterr().out)["waiting"] == []


def test_doctor_names_a_circle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COUNTERPOINT_PIPELINES", "patience:first,patience:second,patience:mistaken,patience:none")
    assert main(["doctor", "--json", "--root", str(tmp_path)]) == 2
    checks = json.loads(capsys.readouterr().out)["checks"]
    told = {(check["what"], check["state"]) for check in checks if check["fix"]}
    assert ("waits", "first.turned -> second.turning -> first.turned") in told
    assert ("waits", "mistaken.wrong waits for pipeline 'patience:ingest', which is not registered") in told
    assert any(what == "pipelines" and state.startswith("patience:none: ") for what, state in told)
