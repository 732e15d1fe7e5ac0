"""A step whose input is older than its limit refuses to run: by logical time, wherever and whenever it is run."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.cli.main import main
from counterpoint.errors import StaleInputError, UsageError
from counterpoint.model import Materialization, Observed, RunRequest, Status
from counterpoint.runtime import LocalRun, collect, context_of, execute
from counterpoint.runtime.inputs import observed
from counterpoint.runtime.staleness import as_of, refuse_old, span
from counterpoint.services.engines import LocalEngine
from counterpoint.services.launch import launch

if TYPE_CHECKING:
    from pathlib import Path

    from counterpoint.model import RunRecord


class Freight:
    """Runs below a root of its own, on a snapshot that is as of some moment."""

    def __init__(self, place: Path) -> None:
        self.root, self.feed = place / "data", place / "feed.json"

    def request(self, pipeline: str, day: str, **more: object) -> RunRequest:
        config = {"feed": str(self.feed)}
        return RunRequest(f"meridian:{pipeline}", day, f"run-{day}", str(self.root), config=config, **more)

    def run(self, day: str, **more: object) -> RunRecord:
        request = self.request("nightly", day, **more)
        context = context_of(request, "telemetry")
        return collect(context.pipeline, context.store, request, LocalRun(request).run(), "0")

    def made(self, day: str, *names: str) -> None:
        request = self.request("passing", day, steps=names)
        passed: dict[str, object] = {}
        for name in names:
            passed[name] = execute(request, name, passed)

    def entry(self, pipeline: str, step: str, day: str) -> Materialization | None:
        return context_of(self.request(pipeline, day), step).store.entry(step, day)


def ingest(feed: Path, as_of: str, rows: int) -> None:
    feed.write_text(json.dumps({"as_of": as_of, "rows": rows}))


@pytest.fixture
def freight(tmp_path: Path) -> Freight:
    return Freight(tmp_path)


def test_a_dead_ingest_stops_the_run_on_the_first_day_past_the_limit(freight: Freight) -> None:
    ingest(freight.feed, "2026-01-02T00:00:00+00:00", 100)
    ended = {day: freight.run(day).status for day in ("2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04")}
    assert list(ended.values()) == [Status.SUCCESS] * 3 + [Status.FAILED]
    record = freight.run("2026-01-04")
    error = record.step("telemetry").error
    assert (error.type, error.failure, error.retryable) == ("StaleInputError", "missing_input", False)
    assert error.message == (
        "step telemetry of 2026-01-04 does not run on old input: what it reads from outside (meridian:snapshot) is as"
        " of 2026-01-02 00:00 UTC, 3 d before the end of the partition, and the limit is 2 d; have it brought up to"
        " date and run the step again, or raise its max_input_age"
    )
    assert record.step("features").status is Status.UPSTREAM_FAILED
    assert freight.entry("nightly", "telemetry", "2026-01-04") is None
    assert freight.entry("nightly", "features", "2026-01-04") is None


def test_it_runs_again_when_the_ingest_does(freight: Freight) -> None:
    ingest(freight.feed, "2026-01-02T00:00:00+00:00", 100)
    assert freight.run("2026-01-04").status is Status.FAILED
    ingest(freight.feed, "2026-01-05T00:00:00+00:00", 130)
    assert freight.run("2026-01-04").step("features").status is Status.SUCCESS


def test_the_command_tells_it_before_anything_runs(freight: Freight) -> None:
    ingest(freight.feed, "2026-01-02T00:00:00+00:00", 100)
    with pytest.raises(StaleInputError, match="3 d before the end"):
        launch(freight.request("nightly", "2026-01-04"), LocalEngine())
    assert not (freight.root / "runs").exists()


def test_in_a_backfill_the_day_past_the_limit_fails_alone(freight: Freight, capsys: pytest.CaptureFixture[str]) -> None:
    ingest(freight.feed, "2026-01-02T00:00:00+00:00", 100)
    days = ("--from", "2026-01-02", "--to", "2026-01-04")
    where = ("--root", str(freight.root), "--set", f"feed={json.dumps(str(freight.feed))}")
    assert main(["backfill", "meridian:nightly", *days, *where, "--version", "v2", "--json", "--quiet"]) == 1
    rows = {row["date"]: row for row in json.loads(capsys.readouterr().out)["partitions"]}
    assert [row["status"] for row in rows.values()] == ["success", "success", "failed"]
    assert rows["2026-01-04"]["error"]["type"] == "StaleInputError"


def test_the_limit_itself_is_not_too_old_and_a_microsecond_more_is(freight: Freight) -> None:
    context = context_of(freight.request("nightly", "2026-01-04"), "telemetry")
    end, instant = datetime(2026, 1, 5, tzinfo=UTC), timedelta(microseconds=1)
    refuse_old(context, {}, Observed("x", end - timedelta(days=2)))
    with pytest.raises(StaleInputError):
        refuse_old(context, {}, Observed("x", end - timedelta(days=2) - instant))


def test_what_the_source_does_not_tell_is_not_guessed(freight: Freight) -> None:
    context = context_of(freight.request("nightly", "2026-01-04"), "telemetry")
    refuse_old(context, {}, Observed("x"))
    assert as_of(context, {}, Observed("x")) is None


def test_the_age_of_a_source_passes_on_to_the_steps_after_it(freight: Freight) -> None:
    ingest(freight.feed, "2026-01-02T00:00:00+00:00", 100)
    freight.made("2026-01-03", "unlimited", "between", "late_features")
    assert freight.entry("passing", "late_features", "2026-01-03").reference.as_of == "2026-01-02T00:00:00+00:00"
    with pytest.raises(StaleInputError, match=r"between of 2026-01-04 is as of 2026-01-02 00:00 UTC, 3 d before"):
        freight.made("2026-01-04", "unlimited", "between", "late_features")


def test_a_day_of_a_window_is_not_old_for_being_an_earlier_day(freight: Freight) -> None:
    for day in range(1, 5):
        ingest(freight.feed, f"2026-01-0{day}T18:00:00+00:00", day)
        freight.made(f"2026-01-0{day}", "unlimited", "between")
    freight.made("2026-01-04", "weekly")
    assert freight.entry("passing", "weekly", "2026-01-04").reference.as_of == "2026-01-04T18:00:00+00:00"


def test_a_day_of_a_window_that_was_made_of_old_data_is_named(freight: Freight) -> None:
    for day in range(1, 5):
        ingest(freight.feed, "2025-12-30T00:00:00+00:00" if day == 2 else f"2026-01-0{day}T18:00:00+00:00", day)
        freight.made(f"2026-01-0{day}", "unlimited", "between")
    with pytest.raises(StaleInputError, match=r"between of 2026-01-02 is as of 2025-12-30 00:00 UTC, 4 d before"):
        freight.made("2026-01-04", "weekly")


def test_an_unpartitioned_output_is_as_old_as_the_partition_that_it_was_made_for(freight: Freight) -> None:
    freight.made("2026-01-01", "depots")
    context = context_of(freight.request("passing", "2026-01-04"), "routes")
    made = freight.entry("passing", "depots", "2026-01-01").reference
    with pytest.raises(StaleInputError, match=r"depots of 2026-01-01 is as of 2026-01-02 00:00 UTC, 3 d before"):
        refuse_old(context, {"depots": made}, None)
    refuse_old(replace(context, request=freight.request("passing", "2026-01-03")), {"depots": made}, None)


def test_a_source_seen_unchanged_later_makes_what_stands_newer_without_computing_it(freight: Freight) -> None:
    ingest(freight.feed, "2026-01-02T00:00:00+00:00", 100)
    freight.made("2026-01-03", "unlimited")
    ingest(freight.feed, "2026-01-03T12:00:00+00:00", 100)
    before = freight.entry("passing", "unlimited", "2026-01-03")
    freight.made("2026-01-03", "unlimited")
    after = freight.entry("passing", "unlimited", "2026-01-03")
    assert after.reference == replace(before.reference, as_of="2026-01-03T12:00:00+00:00")
    assert (after.run_id, after.fingerprint) == (before.run_id, before.fingerprint)


def test_a_backfill_months_later_judges_as_the_run_did(freight: Freight, monkeypatch: pytest.MonkeyPatch) -> None:
    ingest(freight.feed, "2026-01-02T00:00:00+00:00", 100)

    class Later(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # noqa: ARG003
            raise AssertionError("nobody asks the clock")

    monkeypatch.setattr("counterpoint.runtime.staleness.datetime", Later)
    for day, refused in (("2026-01-03", False), ("2026-01-04", True)):
        context = context_of(freight.request("nightly", day), "telemetry")
        if refused:
            with pytest.raises(StaleInputError):
                refuse_old(context, {}, observed(context))
        else:
            refuse_old(context, {}, observed(context))


def test_entries_of_before_can_be_read(freight: Freight) -> None:
    ingest(freight.feed, "2026-01-02T00:00:00+00:00", 100)
    freight.made("2026-01-03", "unlimited")
    values = freight.entry("passing", "unlimited", "2026-01-03").to_dict()
    del values["reference"]["as_of"]
    assert Materialization.from_dict(values).reference.as_of is None


def test_a_moment_without_a_time_zone_is_refused_and_others_are_utc() -> None:
    with pytest.raises(UsageError, match="no time zone: give the moment in UTC"):
        Observed("x", datetime(2026, 1, 2))  # noqa: DTZ001
    east = Observed("x", datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=3))))
    assert east.as_of.isoformat() == "2026-01-02T00:00:00+00:00"


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(days=7), "7 d"),
        (timedelta(hours=26), "1 d 2 h"),
        (timedelta(days=1, minutes=3), "1 d 3 min"),
        (timedelta(seconds=90), "1 min 30 s"),
        (timedelta(seconds=0.2), "0 s"),
        (-timedelta(hours=1), "-1 h"),
    ],
)
def test_a_span_in_words(length: timedelta, words: str) -> None:
    assert span(length) == words


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=9999)))
def test_a_span_loses_less_than_its_second_unit(length: timedelta) -> None:
    units = {"d": 86400, "h": 3600, "min": 60, "s": 1}
    words = span(length).split()
    told = sum(int(count) * units[unit] for count, unit in zip(words[::2], words[1::2], strict=True))
    least = units[words[-1]] if len(words) > 2 else 86400 if words[-1] == "d" else 3600
    assert abs(length.total_seconds() - told) < least + 1
