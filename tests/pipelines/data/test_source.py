"""Reading good files: columns, stamps, days, filters, origins."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from counterpoint.errors import SourceError, UsageError
from streamrec.schema import RAW
from streamrec.source import absolute, check_source, raw_interactions, source_digest


def test_a_folder_of_csv_is_read(deliver, lines, today):
    found = raw_interactions(today, deliver(lines))
    assert len(found.rows) == 200
    assert dict(found.rows.schema) == RAW
    assert found.rows.row(1, named=True) == {
        "user_id": "u1",
        "item_id": "i1",
        "event_type": "play",
        "watch_seconds": 1.5,
        "timestamp": datetime(2026, 1, 3, 10, 0, 1, tzinfo=UTC),
        "device": "tv",
        "category": "drama",
        "malformed": None,
        "origin": "events.csv:3",
    }
    assert found.rejected.is_empty()
    assert found.summary == {"rows": 200, "filtered": 0}


def test_parquet_and_csv_give_the_same_events(deliver, parquet, lines, today):
    first = raw_interactions(today, deliver(lines)).rows
    typed = first.drop("malformed", "origin")
    second = raw_interactions(today, parquet(typed)).rows
    assert second.drop("origin").equals(first.drop("origin"))
    assert second["origin"][0] == "events.parquet:1"


def test_numbers_as_ids_and_other_units_are_converted(parquet, today):
    stamps = pl.Series(["2026-01-03 05:00:00"]).str.to_datetime(time_unit="ns").dt.replace_time_zone("Europe/Paris")
    frame = pl.DataFrame({"user_id": [7], "item_id": [8], "event_type": ["play"], "timestamp": stamps})
    row = raw_interactions(today, parquet(frame)).rows.row(0, named=True)
    assert (row["user_id"], row["item_id"], row["device"], row["watch_seconds"]) == ("7", "8", "unknown", 0.0)
    assert row["timestamp"] == datetime(2026, 1, 3, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    "stamp",
    [
        "2026-01-03T10:00:00Z",
        "2026-01-03 10:00:00+00:00",
        "2026-01-03T12:00:00.000+02:00",
        "2026-01-03T05:00-0500",
        " 2026-01-03T10:00:00.000000z ",
    ],
)
def test_iso_stamps_are_read_as_moments(stamp, deliver, lines, today):
    row = raw_interactions(today, deliver([lines[0], f"u,i,play,1,{stamp},tv,drama"])).rows
    assert row["timestamp"].to_list() == [datetime(2026, 1, 3, 10, tzinfo=UTC)]


@pytest.mark.parametrize("stamp", ["2026-07-03 10:00:00", "2026-07-03T10:00", "2026-07-03T09:00:00Z"])
def test_a_stamp_without_zone_gets_that_of_the_profile(stamp, deliver, profiled, lines, day):
    source = deliver([lines[0], f"u,i,play,1,{stamp},tv,drama"])
    found = raw_interactions(day("2026-07-03"), profiled(source, '[timestamps]\ntimezone = "Europe/London"'))
    assert found.rows["timestamp"].to_list() == [datetime(2026, 7, 3, 9, tzinfo=UTC)]


def test_a_day_is_an_interval_of_utc_whatever_the_file(deliver, lines, today):
    edges = [
        "2026-01-02T23:59:59.999999Z",
        "2026-01-03T00:00:00Z",
        "2026-01-04T00:30:00+01:00",
        "2026-01-04T00:00:00Z",
    ]
    source = deliver([lines[0], *(f"u{n},i,play,1,{stamp},tv,x" for n, stamp in enumerate(edges))])
    assert raw_interactions(today, source).rows["user_id"].to_list() == ["u1", "u2"]


def test_a_file_named_by_its_date_is_the_days_as_a_whole(deliver, profiled, lines, today):
    source = deliver([*lines, "late,i,play,1,2026-01-02T23:00:00Z,tv,x"], "2026-01-03.csv")
    deliver(lines, "2026-01-04.csv")
    found = raw_interactions(today, profiled(source, 'files = "{date}.csv"')).rows
    assert len(found) == 201
    assert set(found["origin"].str.split(":").list.first()) == {"2026-01-03.csv"}


def test_what_is_no_interaction_is_filtered_and_counted(deliver, profiled, today):
    rows = [
        "Who,What,Count,When",
        "a,x,2,2026-01-03T10:00:00Z",
        ",x,2,2026-01-03T10:00:00Z",
        "b,x,-2,2026-01-03T10:00:00Z",
    ]
    toml = """
    [columns]
    user_id = "Who"
    item_id = "What"
    timestamp = "When"
    [defaults]
    event_type = "complete"
    [interactions]
    keep = "Who IS NOT NULL AND Count > 0"
    """
    found = raw_interactions(today, profiled(deliver(rows), toml))
    assert found.rows["user_id"].to_list() == ["a"]
    assert found.rows["event_type"].to_list() == ["complete"]
    assert found.summary == {"rows": 1, "filtered": 2}
    assert found.rejected.is_empty()


@pytest.mark.parametrize(
    ("keep", "said"),
    [("Count >", "no SQL"), ("Amount > 0", "no column 'Amount'"), ("device > 0", "fails on")],
)
def test_a_filter_that_cannot_be_applied_is_named(keep, said, source_with, today):
    with pytest.raises(UsageError, match=said):
        raw_interactions(today, source_with(f'[interactions]\nkeep = "{keep}"'))


def test_a_closed_day_is_empty_and_says_so(deliver, profiled, lines, day):
    source = profiled(deliver(lines), '[calendar]\nclosed = ["sunday"]')
    found = raw_interactions(day("2026-01-04"), source)
    assert dict(found.rows.schema) == RAW
    assert found.summary == {"rows": 0, "filtered": 0, "closed": 1}
    with pytest.raises(UsageError, match=r"closed day"):
        check_source(source, day("2026-01-04"))


def test_values_that_cannot_be_read_are_kept_as_text(deliver, lines, today):
    source = deliver([*lines, "u,i,play,long,yesterday,tv,drama"])
    last = raw_interactions(today, source).rows.row(-1, named=True)
    assert (last["timestamp"], last["watch_seconds"]) == (None, None)
    assert last["malformed"] == "watch_seconds='long'; timestamp='yesterday'"


def test_bytes_that_are_no_text_make_a_bad_row(tmp_path, lines, today):
    (tmp_path / "a.csv").write_bytes(
        "\n".join([*lines, "caf\xe9,i,play,1,2026-01-03T11:00:00Z,tv,x\n"]).encode("latin-1")
    )
    found = raw_interactions(today, str(tmp_path)).rows
    assert found["malformed"].drop_nulls().to_list() == ["user_id='caf\ufffd'"]


def test_a_source_means_the_same_from_everywhere(tmp_path, monkeypatch, deliver, profiled, lines):
    source = profiled(deliver(lines), "")
    monkeypatch.chdir(tmp_path)
    assert absolute("data,profile=profile.toml") == source
    assert absolute("synthetic:rows=3") == "synthetic:rows=3"


def test_the_digest_follows_content_and_profile(deliver, profiled, lines, today):
    source = deliver(lines)
    first = source_digest(source, today)
    assert source_digest(profiled(source, "about = 'x'"), today) != first
    deliver([*lines, lines[-1]])
    assert source_digest(source, today) != first
    assert source_digest("synthetic", today) == source_digest("synthetic:rows=200000", today)


def test_hidden_and_other_files_are_left_out(deliver, lines, today):
    source = deliver(lines)
    deliver(["nonsense"], "_part.csv")
    deliver(["nonsense"], ".hidden.csv")
    deliver(["nonsense"], "README.md")
    assert len(raw_interactions(today, source).rows) == 200


def test_a_source_without_a_path_is_named(today):
    with pytest.raises(UsageError, match=r"names no folder"):
        raw_interactions(today, "")


def test_an_absent_folder_says_where_such_data_is_from(tmp_path, profiled, today):
    source = profiled(str(tmp_path / "absent"), 'about = "UCI Online Retail"')
    with pytest.raises(SourceError, match=r"does not exist.*UCI Online Retail"):
        check_source(source, today)
