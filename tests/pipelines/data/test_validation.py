"""The contract of a day: which rows are bad and why, and what fails a day as a whole."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from counterpoint.errors import ContractError, UsageError
from streamrec.schema import VALIDATED
from streamrec.source import raw_interactions
from streamrec.validation import limits_of, validated_interactions

SOURCE = "synthetic:rows=3000,users=300,items=100,late=0,duplicates=0,bad=0"


@pytest.fixture
def rows(today):
    return raw_interactions(today, SOURCE).rows


def with_value(rows, column, value, count=3):
    position = pl.int_range(pl.len())
    dtype = rows.schema[column]
    return rows.with_columns(pl.when(position < count).then(pl.lit(value, dtype)).otherwise(column).alias(column))


def test_good_rows_pass_with_whole_milliseconds(rows, today):
    found = validated_interactions(rows, today, {}, SOURCE)
    assert dict(found.rows.schema) == VALIDATED
    assert len(found.rows) == 3000
    assert found.rejected.is_empty()
    assert found.rows["watch_ms"].sum() == (rows["watch_seconds"] * 1000).round().cast(pl.Int64).sum()


@pytest.mark.parametrize(
    ("column", "value", "check"),
    [
        ("user_id", None, "not null"),
        ("item_id", None, "not null"),
        ("event_type", None, "not null"),
        ("timestamp", None, "not null"),
        ("event_type", "hover", "known type"),
        ("watch_seconds", -0.001, "range"),
        ("watch_seconds", 86_400.1, "range"),
        ("watch_seconds", float("nan"), "range"),
        ("watch_seconds", float("inf"), "range"),
        ("user_id", "", "length"),
        ("item_id", "i" * 257, "length"),
        ("malformed", "timestamp='x'", "readable"),
    ],
)
def test_a_bad_row_is_rejected_with_its_reason(column, value, check, rows, today):
    found = validated_interactions(with_value(rows, column, value), today, {}, SOURCE)
    assert len(found.rows) == 2997
    assert found.rejected.select("column", "check", "origin").rows() == [
        (column, check, f"synthetic-2026-01-03:{n}") for n in (1, 2, 3)
    ]
    assert all(reason.startswith(f"{column}, {check}: ") for reason in found.rejected["reason"])
    assert found.summary == {"rows": 2997, "rejected": 3, f"{column}: {check}": 3}


@pytest.mark.parametrize("edge", ["before", "after"])
def test_an_event_out_of_its_day_is_rejected(edge, rows, today):
    moment = today.start - timedelta(microseconds=1) if edge == "before" else today.end
    found = validated_interactions(with_value(rows, "timestamp", moment, 1), today, {}, SOURCE)
    assert found.rejected["check"].to_list() == ["inside its day"]


def test_a_row_is_rejected_once_for_the_first_rule(rows, today):
    worse = with_value(with_value(rows, "malformed", "timestamp='x'", 1), "timestamp", None, 1)
    assert validated_interactions(worse, today, {}, SOURCE).rejected["check"].to_list() == ["readable"]


def test_the_first_of_equal_events_stays(rows, today):
    found = validated_interactions(pl.concat([rows, rows.head(2)]), today, {}, SOURCE)
    assert len(found.rows) == 3000
    assert found.rejected["check"].to_list() == ["unique", "unique"]


def test_exactly_the_limit_passes_and_one_more_fails(rows, today):
    validated_interactions(with_value(rows, "event_type", "hover", 30), today, {}, SOURCE)
    with pytest.raises(ContractError, match=r"31 of 3000 rows"):
        validated_interactions(with_value(rows, "event_type", "hover", 31), today, {}, SOURCE)


def test_the_error_names_column_check_count_and_three_examples(rows, today):
    worse = with_value(with_value(rows, "watch_seconds", -1.0, 100), "user_id", None, 40)
    with pytest.raises(ContractError) as caught:
        validated_interactions(worse, today, {}, SOURCE)
    said = str(caught.value)
    assert "validated_interactions of 2026-01-03: 100 of 3000 rows (3.3%) are bad" in said
    assert "column watch_seconds, check range: 60 rows, such as '-1.0' (synthetic-2026-01-03:41)" in said
    assert "column user_id, check not null: 40 rows" in said
    assert said.count("synthetic-2026-01-03:") == 3
    assert len(caught.value.rejected) == 100


def test_an_empty_day_fails_whatever_the_limit(rows, today):
    with pytest.raises(ContractError, match=r"0 rows"):
        validated_interactions(rows.clear(), today, {"minimum_rows": 0}, SOURCE)


def test_a_suspiciously_small_day_fails(rows, today):
    with pytest.raises(ContractError, match=r"check minimum_rows: 99 good rows"):
        validated_interactions(rows.head(99), today, {}, SOURCE)
    assert len(validated_interactions(rows.head(99), today, {"minimum_rows": 99}, SOURCE).rows) == 99


@pytest.mark.parametrize("column", ["device", "category", "watch_seconds"])
def test_over_five_per_cent_nulls_fail_and_fewer_are_filled(column, rows, today):
    filled = validated_interactions(with_value(rows, column, None, 150), today, {}, SOURCE).rows
    assert filled.null_count().sum_horizontal().item() == 0
    with pytest.raises(ContractError, match=f"column {column}, check max_null_rate: 151 of 3000"):
        validated_interactions(with_value(rows, column, None, 151), today, {}, SOURCE)


@pytest.mark.parametrize(
    ("contract", "said"),
    [
        ({"max_user_share": 0.001}, "column user_id, check max_user_share"),
        ({"max_mean_watch_seconds": 1}, "column watch_seconds, check max_mean_watch_seconds"),
        ({"event_shares": {"click": [0.9, 1.0]}}, "column event_type, check event_shares"),
    ],
)
def test_a_day_that_looks_wrong_as_a_whole_fails(contract, said, rows, today):
    with pytest.raises(ContractError, match=said):
        validated_interactions(rows, today, contract, SOURCE)


def test_duplicates_of_whole_minutes_are_tolerated_up_to_a_tenth(rows, today):
    spread = rows.unique(["user_id", "item_id", "event_type"], maintain_order=True)
    minutes = spread.with_columns(pl.col("timestamp").dt.truncate("1m"))
    few, many = (pl.concat([minutes, minutes.head(len(minutes) * n // 100)]) for n in (9, 20))
    assert len(validated_interactions(few, today, {}, SOURCE).rows) == len(minutes)
    with pytest.raises(ContractError, match=r"over max_duplicate_rate 10.00%"):
        validated_interactions(many, today, {}, SOURCE)
    with pytest.raises(ContractError, match=r"over max_duplicate_rate 1.00%"):
        validated_interactions(few, today, {"max_duplicate_rate": 0.01}, SOURCE)


def test_limits_of_the_setting_beat_those_of_the_profile(deliver, profiled, lines, today):
    source = profiled(deliver(lines), "[contract]\nminimum_rows = 500")
    rows = raw_interactions(today, source).rows
    with pytest.raises(ContractError, match=r"at least 500"):
        validated_interactions(rows, today, {}, source)
    assert len(validated_interactions(rows, today, {"minimum_rows": 5}, source).rows) == 200


def test_a_closed_day_passes_without_rows(deliver, profiled, lines, day):
    source = profiled(deliver(lines), '[calendar]\nclosed = ["2026-01-04"]')
    rows = raw_interactions(day("2026-01-04"), source).rows
    found = validated_interactions(rows, day("2026-01-04"), {}, source)
    assert dict(found.rows.schema) == VALIDATED
    assert found.summary == {"rows": 0, "closed": 1}


@pytest.mark.parametrize(
    "contract", [{"max_rate": 1}, {"max_bad_rate": "1 %"}, {"minimum_rows": -1}, {"max_bad_rate": True}]
)
def test_a_wrong_limit_is_named(contract):
    with pytest.raises(UsageError, match=next(iter(contract))):
        limits_of(contract)


def test_a_raw_table_of_another_shape_is_named(rows, today):
    for broken in (rows.drop("device"), rows.with_columns(pl.col("watch_seconds").cast(pl.String))):
        with pytest.raises(ContractError, match=r"run raw_interactions again"):
            validated_interactions(broken, today, {}, SOURCE)
