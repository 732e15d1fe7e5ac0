"""One look by an injected clock: what is found, what is told of it, and that one bad pipeline blinds nobody."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from counterpoint.alerts.incidents import all_cases
from counterpoint.errors import StorageError
from counterpoint.monitoring import names_below, tell_late, watch
from counterpoint.services.service_environments import free_port
from counterpoint.storage.objects import Objects

if TYPE_CHECKING:
    from conftest import Harbour

    from counterpoint.alerts import Alert

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/schemas/watch.schema.json").read_text(encoding="utf-8"))
KEY = "2026-01-06"
TWO = datetime(2026, 1, 7, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
SIX = TWO + 4 * HOUR


def looked(harbour: Harbour, now: datetime, *names: str) -> list[dict[str, Any]]:
    found = watch(harbour.root, [f"harbour:{name}" for name in names or ("nightly",)], now)
    jsonschema.validate(json.loads(json.dumps(found)), SCHEMA)
    return found["pipelines"]


def alerts(harbour: Harbour) -> list[Alert]:
    return [case.alert for case in all_cases(Objects(harbour.root))]


def history(harbour: Harbour, **hours: float) -> None:
    """Each step took those hours on each of the five days before; all of the last of them stands."""
    for day in range(1, 6):
        for step in ("landed", "cleaned", "counted", "model"):
            harbour.made("nightly", step, f"2026-01-0{day}", TWO - 6 * HOUR, hours.get(step, 0.1) * 3600)


def test_a_run_that_will_miss_its_deadline_is_told_before_it(harbour: Harbour) -> None:
    history(harbour, cleaned=1, model=2)
    harbour.made("nightly", "landed", KEY, TWO + HOUR)
    harbour.begun("nightly", "cleaned", KEY, TWO + 2 * HOUR, "dagster-7")
    run = looked(harbour, TWO + 2.5 * HOUR)[0]["runs"][0]
    assert (run["state"], run["punctuality"]) == ("running", "will_be_late")
    assert run["expected"] == "2026-01-07T07:00:00+00:00"
    assert run["deadline"] == "2026-01-07T06:00:00+00:00"
    assert run["waits_for"] == ["cleaned", "model"]
    (alert,) = alerts(harbour)
    assert (alert.severity, alert.failure, alert.partition, alert.run_id) == ("P1", "late", KEY, "dagster-7")
    assert (alert.title, alert.orchestrator) == ("nightly will miss its deadline", "dagster")
    assert alert.detail == (
        "2026-01-06: due 2026-01-07 06:00 UTC, running; not expected to end before 2026-01-07 07:00 UTC; waits for"
        " cleaned (running since 2026-01-07 04:00 UTC, usually 1 h), then model (usually 2 h)"
    )


def test_a_run_that_ends_just_in_time_is_not_told(harbour: Harbour) -> None:
    history(harbour, cleaned=1, model=1)
    harbour.made("nightly", "landed", KEY, TWO + HOUR)
    harbour.begun("nightly", "cleaned", KEY, TWO + 2 * HOUR)
    run = looked(harbour, TWO + 2.5 * HOUR)[0]["runs"][0]
    assert (run["expected"], run["punctuality"]) == ("2026-01-07T06:00:00+00:00", "in_time") or run["waits_for"]
    harbour.made("nightly", "counted", KEY, TWO + HOUR)
    run = looked(harbour, TWO + 2.5 * HOUR)[0]["runs"][0]
    assert (run["expected"], run["punctuality"]) == ("2026-01-07T06:00:00+00:00", "in_time")
    assert alerts(harbour) == []


def test_a_run_that_has_not_begun_is_told_as_soon_as_it_cannot_be_in_time(harbour: Harbour) -> None:
    history(harbour, landed=0.5, cleaned=1, model=1)
    early, late = (looked(harbour, TWO + hours * HOUR)[0]["runs"][0] for hours in (1.5, 1.51))
    assert (early["state"], early["punctuality"]) == ("not_begun", "in_time")
    assert (late["state"], late["punctuality"]) == ("not_begun", "will_be_late")
    (alert,) = alerts(harbour)
    assert alert.command == f"counterpoint run harbour:nightly --date {KEY} --root {harbour.root}"
    assert alert.run_id is None


def test_past_its_deadline_a_run_is_late_and_that_is_another_cause(harbour: Harbour) -> None:
    history(harbour, model=3)
    harbour.begun("nightly", "landed", KEY, TWO + HOUR)
    assert looked(harbour, SIX - HOUR)[0]["runs"][0]["punctuality"] == "will_be_late"
    assert looked(harbour, SIX)[0]["runs"][0]["punctuality"] == "late"
    assert {alert.title for alert in alerts(harbour)} == {"nightly will miss its deadline", "nightly is late"}


def test_a_run_that_failed_is_late_only_past_its_deadline_and_names_the_retry(harbour: Harbour) -> None:
    history(harbour)
    harbour.begun("nightly", "landed", KEY, TWO, "run-9")
    harbour.failed("nightly", "landed", TWO + HOUR, last=True, run="run-9")
    run = looked(harbour, SIX - HOUR)[0]["runs"][0]
    assert (run["state"], run["punctuality"], run["expected"]) == ("failed", "in_time", None)
    assert alerts(harbour) == []
    assert looked(harbour, SIX)[0]["runs"][0]["punctuality"] == "late"
    (alert,) = alerts(harbour)
    assert alert.command == f"counterpoint retry harbour:nightly --run run-9 --root {harbour.root}"
    assert alert.detail == "2026-01-06: due 2026-01-07 06:00 UTC, failed; failed: landed"


def test_a_run_that_ended_is_not_told_however_late_it_is_looked_at(harbour: Harbour) -> None:
    history(harbour)
    for step in ("landed", "cleaned", "counted", "model"):
        harbour.made("nightly", step, KEY, SIX - HOUR)
    run = looked(harbour, SIX + 10 * HOUR)[0]["runs"][0]
    assert (run["state"], run["punctuality"]) == ("ended", "in_time")
    assert alerts(harbour) == []


def test_several_late_days_are_one_case_with_a_list(harbour: Harbour) -> None:
    history(harbour)
    for days in range(3):
        looked(harbour, SIX + timedelta(days=days))
    (case,) = [case for case in all_cases(Objects(harbour.root)) if case.alert.step is None]
    assert {one["partition"] for one in case.occurrences} == {KEY, "2026-01-07", "2026-01-08"}


def test_an_output_past_its_limit_is_told(harbour: Harbour) -> None:
    for step in ("landed", "cleaned", "counted", "model"):
        harbour.made("nightly", step, KEY, TWO)
    at_limit, past = (looked(harbour, TWO + 26 * HOUR + timedelta(seconds=s))[0]["outputs"] for s in (0, 1))
    assert at_limit == [
        {
            "step": "model",
            "partition": KEY,
            "published": TWO.isoformat(),
            "age_seconds": 26 * 3600.0,
            "limit_seconds": 26 * 3600.0,
            "too_old": False,
        }
    ]
    assert past[0]["too_old"]
    (old,) = [alert for alert in alerts(harbour) if alert.step == "model"]
    assert old.title == "model of nightly is older than its limit"
    assert old.detail == "made 2026-01-07 02:00 UTC for 2026-01-06: 1 d 2 h old, and its limit is 1 d 2 h"
    assert old.command == f"counterpoint run harbour:nightly --date 2026-01-07 --root {harbour.root}"


def test_a_later_output_is_the_one_that_counts_and_one_never_made_is_none(harbour: Harbour) -> None:
    assert looked(harbour, TWO)[0]["outputs"] == []
    harbour.made("nightly", "model", "2026-01-05", TWO - 48 * HOUR)
    harbour.made("nightly", "model", KEY, TWO)
    assert [out["partition"] for out in looked(harbour, TWO + HOUR)[0]["outputs"]] == [KEY]


def test_one_bad_pipeline_does_not_blind_the_watcher(harbour: Harbour, caplog: pytest.LogCaptureFixture) -> None:
    monitored = logging.getLogger("counterpoint")
    monitored.addHandler(caplog.handler)
    try:
        found = looked(harbour, SIX, "crooked", "nightly")
    finally:
        monitored.removeHandler(caplog.handler)
    assert "its schedule '0 99 * * *' is no cron" in found[0]["error"]
    assert found[1]["runs"][0]["punctuality"] == "late"
    assert "harbour:crooked cannot be watched: DefinitionError" in caplog.text


def test_a_root_that_cannot_be_read_is_an_error_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    with pytest.raises(StorageError):
        watch("s3://bucket/data", ["harbour:nightly"], SIX)


def test_in_a_loop_the_same_is_told_again_only_after_a_while(harbour: Harbour) -> None:
    told: dict[str, datetime] = {}
    for minutes in range(40):
        watch(harbour.root, ["harbour:nightly"], SIX + timedelta(minutes=minutes), told)
    (case,) = all_cases(Objects(harbour.root))
    assert case.count == 2


def test_registered_pipelines_are_watched_where_they_were_run(harbour: Harbour) -> None:
    assert names_below(harbour.root) == []
    Objects(harbour.root).put_json("runs/streamrec/x/request.json", {})
    Objects(harbour.root).put_json("runs/stranger/x/request.json", {})
    assert names_below(harbour.root) == ["streamrec"]


def test_a_registered_pipeline_that_cannot_be_loaded_is_said_not_left_out(
    harbour: Harbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("counterpoint.monitoring.sweep.registered", lambda: ["harbour:nothing", "streamrec"])
    assert names_below(harbour.root) == ["harbour:nothing"]
    assert "nothing" in looked(harbour, SIX, "nothing")[0]["error"]


@pytest.fixture
def served(harbour: Harbour, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a service: the environment says where data lies and what is served."""
    monkeypatch.setenv("COUNTERPOINT_ROOT", harbour.root)
    monkeypatch.setenv("COUNTERPOINT_PIPELINES", "harbour:late,harbour:nightly")


@pytest.mark.usefixtures("served")
def test_what_an_orchestrator_saw_is_told_unless_the_run_has_ended(harbour: Harbour) -> None:
    tell_late("nightly", "2026-01-06T00:00:00Z", "airflow")
    (alert,) = alerts(harbour)
    assert (alert.title, alert.partition, alert.orchestrator) == ("nightly is late", KEY, "airflow")
    assert alert.detail.startswith("2026-01-06: due 2026-01-07 06:00 UTC, not begun")
    assert alert.command == f"counterpoint run harbour:nightly --date {KEY} --root {harbour.root}"
    for step in ("landed", "cleaned", "counted", "model"):
        harbour.made("nightly", step, "2026-01-05", SIX)
    tell_late("nightly", "2026-01-05T00:00:00Z", "airflow")
    assert {one["partition"] for case in all_cases(Objects(harbour.root)) for one in case.occurrences} == {KEY}


@pytest.mark.usefixtures("served")
def test_what_cannot_be_told_ends_no_process(caplog: pytest.LogCaptureFixture) -> None:
    tell_late("unknown", "2026-01-05T00:00:00Z", "airflow")
    assert "unknown is late against its deadline (2026-01-05T00:00:00Z), and that could not be told" in caplog.text
