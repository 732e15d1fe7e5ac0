"""Rejected events once more: the late ones in their own day, exactly once; the malformed ones are bad for good."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from counterpoint.backfill import BackfillRequest, grid, prepare, run_backfill
from counterpoint.deadletters import overview, reprocess
from counterpoint.deadletters.reprocess import DELAY
from counterpoint.runtime import find_pipeline
from counterpoint.services import LocalEngine
from counterpoint.storage import Store
from counterpoint.storage.versions import promote
from streamrec.reprocessing import to_their_days
from streamrec.schema import KEY, RAW
from streamrec.source import raw_interactions
from streamrec.validation import validated_interactions

HERE = str(Path(__file__).parent)
SOURCE = "synthetic:rows=3000,users=300,items=100,late=0.002,duplicates=0.001,bad=0.002"
DAYS = ("2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04")


@pytest.fixture
def found(today):
    return validated_interactions(raw_interactions(today, SOURCE).rows, today, {}, SOURCE)


def tried(found, today):
    return to_their_days(found.rejected.with_columns(partition=pl.lit(today.key)))


def test_late_events_go_to_their_day_and_others_back(found, today):
    targets = tried(found, today).group_by("check", "partition").len()
    late = targets.filter(pl.col("check") == "inside its day")
    assert late["partition"].to_list() == ["2026-01-02"]
    assert set(targets.filter(pl.col("check") != "inside its day")["partition"]) == {today.key}


@pytest.mark.parametrize("moment", ["1970-01-01T00:00:00Z", None])
def test_a_stamp_that_is_none_goes_back_to_the_day_it_was_in(found, today, moment):
    stamped = pl.lit(moment, pl.String).str.to_datetime(time_unit="us", time_zone="UTC")
    late = found.rejected.filter(pl.col("check") == "inside its day").with_columns(timestamp=stamped)
    moved = to_their_days(late.with_columns(partition=pl.lit(today.key)))
    assert set(moved["partition"]) == {today.key}


def test_what_is_sent_back_is_no_fault_of_the_day(found, today):
    """All that was rejected again would be over the limit of bad rows, had the source delivered it."""
    raw = raw_interactions(today, SOURCE).rows
    given = pl.concat([found.rejected.select(*RAW)] * 3)
    again = validated_interactions(raw, today, {}, SOURCE, given)
    assert again.rows.equals(found.rows)
    assert len(again.rejected) == 4 * len(found.rejected)
    assert again.rejected["reason"].null_count() == 0


def test_an_event_that_stands_is_not_repeated_by_one_that_came_late(found, today):
    raw = raw_interactions(today, SOURCE).rows
    again = validated_interactions(raw, today, {}, SOURCE, raw.join(found.rows, on=KEY, how="semi").head(3))
    assert again.rows.equals(found.rows)
    assert again.rejected.tail(3)["check"].to_list() == ["unique"] * 3


def test_a_day_without_rejected_rows_given_is_as_it_was(found, today):
    raw = raw_interactions(today, SOURCE).rows
    assert validated_interactions(raw, today, {}, SOURCE, None).rows.equals(found.rows)


def backfill(root, tag, **more):
    asked = BackfillRequest(
        "latecomers:latecomers", DAYS[0], DAYS[-1], tag, config={"source": SOURCE}, parallel=2, **more
    )
    assert run_backfill(prepare(asked, root), LocalEngine())["status"] == "success"
    promote(Store(root, find_pipeline("latecomers:latecomers"), tag))


def events(store):
    return {day: store.read(entry.reference) for day, entry in store.entries("validated_interactions").items()}


def test_late_events_stand_in_their_own_day_once_and_totals_add_up(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(HERE)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([HERE, *filter(None, [os.environ.get("PYTHONPATH")])]))
    root = str(tmp_path / "root")
    backfill(root, "first")
    store = Store(root, find_pipeline("latecomers:latecomers").configured({"source": SOURCE}))
    before, waiting = events(store), overview(store)["totals"]["waiting"]
    assert reprocess(store)["letters"] == 0
    sent = reprocess(store, delay=DELAY * 0)
    assert sent["letters"] == sent["arrived"] == waiting > 0
    came = Counter({one["partition"]: 0 for one in sent["partitions"]})
    for one in sent["partitions"]:
        came.update({day: count for day, count in one["arrived"].items() if day != one["partition"]})

    states = grid(root, "latecomers:latecomers", store.pipeline, "production", DAYS)["partitions"]
    assert {row["steps"]["validated_interactions"] for row in states} == {"stale"}
    assert {row["steps"]["raw_interactions"] for row in states} == {"fresh"}
    backfill(root, "second", stale_only=True)

    after = events(store)
    for day in DAYS:
        assert len(after[day]) == len(before[day]) + came[day]
        assert after[day].select(KEY).is_unique().all()
        assert set(after[day]["timestamp"].dt.strftime("%Y-%m-%d")) == {day}
    totals = overview(store)["totals"]
    rebuilt = sum(came[day] for day in DAYS)
    # the first day's late events are of a day that was never run: they wait there, neither lost nor bad
    assert (totals["waiting"], totals["permanent"]) == (0, waiting - rebuilt - came["2025-12-31"])
    assert came["2025-12-31"] > 0
    assert reprocess(store, delay=DELAY * 0)["partitions"] == []
    states = grid(root, "latecomers:latecomers", store.pipeline, "production", DAYS)["partitions"]
    assert {how for row in states for how in row["steps"].values()} == {"fresh"}
