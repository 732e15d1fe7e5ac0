"""Legacy outputs that are wrong in one place: each is caught at the step that is wrong, with the right guess at why."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

HERE = str(Path(__file__).parent)
sys.path.insert(0, HERE)

import market
from judging import ALL, LAST, SPENT, WRONG, at, only, repeated

from counterpoint.diff import Options, Tolerance
from counterpoint.storage import Model

if TYPE_CHECKING:
    from collections.abc import Callable

    Judge = Callable[..., dict[str, Any]]


def stream(shift: timedelta) -> Callable[..., pl.DataFrame]:
    return lambda _, partition: market.stream(7, partition.start + shift, partition.end + shift)


@pytest.mark.parametrize("days", [-1, 1])
def test_off_by_one_interval(judge: Judge, days: int) -> None:
    found = judge(at("orders", stream(timedelta(days=days))))
    assert only(found) == ("orders", ALL, "interval")
    assert found["causes"][0]["hint"]["evidence"] == {
        "side": "left", "shift": days, "digest": found["outputs"][0]["left"]["digest"],
    }  # fmt: skip
    assert {one["step"] for one in found["consequences"]} == {"valid", "spending", "model", "score"}
    assert {name.partition(" ")[0] for one in found["consequences"] for name in one["because"]} == {"orders"}


def test_a_window_off_by_one(judge: Judge) -> None:
    kept: dict[str, pl.DataFrame] = {}

    def change(name: str, value: Any, partition: Any) -> Any:
        if name != "spending":
            return value
        kept[partition.key] = value
        before = kept.get(market.PARTITIONS.shift(partition.key, -1), value)
        return before.with_columns(pl.lit(partition.key).alias("until"))

    found = judge(change)
    assert only(found) == ("spending", ALL, "interval")
    assert found["causes"][0]["hint"]["evidence"]["shift"] == -1
    assert {one["step"] for one in found["consequences"]} == {"model", "score"}


@pytest.mark.parametrize(("hours", "zone"), [(2.0, "+02:00"), (-5.0, "-05:00"), (5.5, "+05:30"), (-8.0, "-08:00")])
def test_days_of_local_time(judge: Judge, hours: float, zone: str) -> None:
    found = judge(at("orders", stream(timedelta(hours=-hours))))
    assert only(found) == ("orders", ALL, "local_time")
    assert found["causes"][0]["hint"]["evidence"]["offset"] == zone


def test_time_stamps_in_local_time(judge: Judge) -> None:
    found = judge(at("orders", lambda rows, _: rows.with_columns(pl.col("at") + timedelta(hours=9, minutes=30))))
    assert only(found) == ("orders", ALL, "local_time")
    assert found["causes"][0]["hint"]["evidence"] == {
        "column": "at", "offset": "+09:30", "rows": found["outputs"][0]["left"]["rows"],
    }  # fmt: skip


def test_days_and_time_stamps_in_local_time(judge: Judge) -> None:
    def local(_: Any, partition: Any) -> pl.DataFrame:
        hour = timedelta(hours=1)
        return market.stream(7, partition.start - hour, partition.end - hour).with_columns(pl.col("at") + hour)

    found = judge(at("orders", local))
    assert only(found) == ("orders", ALL, "local_time")
    assert found["causes"][0]["hint"]["evidence"]["offset"] == "+01:00"


def test_time_stamps_without_a_zone(judge: Judge) -> None:
    found = judge(at("orders", lambda rows, _: rows.with_columns(pl.col("at").dt.replace_time_zone(None))))
    assert only(found)[2] == "local_time"
    assert "no time zone on the left side" in found["causes"][0]["hint"]["text"]


def test_a_dropped_filter(judge: Judge) -> None:
    kept: dict[str, pl.DataFrame] = {}

    def change(name: str, value: Any, partition: Any) -> Any:
        kept.setdefault(f"{name}-{partition.key}", value)
        return kept[f"orders-{partition.key}"] if name == "valid" else value

    found = judge(change)
    assert only(found) == ("valid", ALL, "filter")
    evidence = found["causes"][0]["hint"]["evidence"]
    assert (evidence["side"], evidence["shared"]) == ("left", "status = 'cancelled'")
    assert {one["step"] for one in found["consequences"]} == {"spending", "model", "score"}


def test_a_filter_too_many(judge: Judge) -> None:
    found = judge(at("valid", lambda rows, _: rows.filter(pl.col("status") != "sent")))
    assert only(found) == ("valid", ALL, "filter")
    assert found["causes"][0]["hint"]["evidence"]["shared"] == "status = 'sent'"
    found = judge(at("valid", lambda rows, _: rows.filter(pl.col("cents") < 6_000)))
    assert only(found) == ("valid", ALL, "filter")
    assert found["causes"][0]["hint"]["evidence"]["shared"].startswith("cents >= 60")


@pytest.mark.parametrize("kind", [pl.Float64, pl.Float32])
def test_float32_instead_of_float64(judge: Judge, kind: Any) -> None:
    found = judge(at("orders", lambda rows, _: rows.with_columns(pl.col("weight").cast(pl.Float32).cast(kind))))
    assert only(found) == ("orders", ALL, "float32")
    assert found["causes"][0]["hint"]["evidence"]["columns"] == {"weight": "left"}


def test_another_seed(judge: Judge) -> None:
    def trained(model: Model, _: Any) -> Model:
        return Model(market.model(SPENT, 99).weights, model.parameters, model.metrics)

    found = judge(at("model", trained))
    assert only(found) == ("model", ALL, "seed")
    assert [one["step"] for one in found["consequences"]] == ["score"]
    assert found["causes"][0]["hint"]["evidence"]["changed"] == 3


def test_duplicates_on_retry(judge: Judge) -> None:
    found = judge(at("valid", repeated, WRONG))
    assert only(found) == ("valid", (WRONG,), "duplicates")
    assert found["causes"][0]["hint"]["evidence"]["repeated_rows"] == 40
    (after,) = [one for one in found["consequences"] if one["step"] == "spending"]
    assert (after["dates"], after["because"]) == ([WRONG, LAST], [f"valid of {WRONG}"])
    assert only(judge(at("orders", repeated, WRONG))) == ("orders", (WRONG,), "duplicates")


def test_a_late_row(judge: Judge) -> None:
    def late(rows: pl.DataFrame, partition: Any) -> pl.DataFrame:
        more = rows.tail(1).with_columns(
            pl.lit("late").alias("order_id"), pl.lit(partition.end - timedelta(microseconds=1)).alias("at")
        )
        return pl.concat([rows, more])

    assert only(judge(at("valid", late, WRONG))) == ("valid", (WRONG,), "late_rows")
    found = judge(at("orders", lambda rows, _: rows.head(-2), WRONG))
    assert only(found) == ("orders", (WRONG,), "late_rows")
    evidence = found["causes"][0]["hint"]["evidence"]
    assert (evidence["side"], evidence["rows"], evidence["column"]) == ("right", 2, "at")


def test_a_late_row_of_another_day(judge: Judge) -> None:
    def late(rows: pl.DataFrame, partition: Any) -> pl.DataFrame:
        return pl.concat([rows, market.stream(7, partition.start - timedelta(hours=13), partition.start).head(1)])

    found = judge(at("orders", late, WRONG))
    assert only(found) == ("orders", (WRONG,), "late_rows")
    assert "all of another day by at" in found["causes"][0]["hint"]["text"]


def test_a_column_order(judge: Judge) -> None:
    turned = at("orders", lambda rows, _: rows.select(reversed(rows.columns)))
    found = judge(turned)
    assert (found["equal"], found["causes"]) == (True, [])
    note = "the columns are in another order"
    assert found["notes"] == [{"step": step, "note": note, "dates": list(ALL)} for step in ("orders", "valid")]
    found = judge(turned, strict_order=True)
    assert found["causes"][0]["kinds"] == ["order"]
    assert only(found)[:2] == ("orders", ALL)


def test_the_case_of_columns(judge: Judge) -> None:
    found = judge(at("spending", lambda rows, _: rows.rename(str.upper)))
    assert found["equal"]
    assert [one["note"] for one in found["notes"]] == ["the names of columns differ in upper and lower case"]
    assert {row["by"] for row in found["outputs"] if row["step"] == "spending"} == {"value"}


@pytest.mark.parametrize("step", ["orders", "valid"])
def test_a_null_turned_zero(judge: Judge, step: str) -> None:
    found = judge(at(step, lambda rows, _: rows.with_columns(pl.col("discount").fill_null(0))))
    assert only(found) == (step, ALL, "null_as_zero")
    hint = found["causes"][0]["hint"]["evidence"]
    assert (hint["null_side"], list(hint["cells"])) == ("right", ["discount"])


def test_rounding_and_a_tolerance(judge: Judge) -> None:
    off = at("spending", lambda rows, _: rows.with_columns(pl.col("third") * (1 + 1e-13)))
    found = judge(off)
    assert only(found) == ("spending", ALL, "rounding")
    assert judge(off, options=Options((), Tolerance(1e-6)))["equal"]
    more = at("spending", lambda rows, _: rows.with_columns(pl.col("third") + 2e-4))
    assert only(judge(more, options=Options((), Tolerance(1e-4)))) == ("spending", ALL, "tolerance")


def test_a_renamed_column(judge: Judge) -> None:
    found = judge(at("spending", lambda rows, _: rows.rename({"third": "third_of_all"})))
    assert only(found) == ("spending", ALL, "renamed")


def test_a_key_that_is_repeated(judge: Judge) -> None:
    def doubled(rows: pl.DataFrame, _: Any) -> pl.DataFrame:
        return pl.concat([rows, rows.head(3).with_columns(pl.col("cents") + 1)])

    assert only(judge(at("spending", doubled))) == ("spending", ALL, "repeated_keys")


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("count", [1, 3])
def test_what_no_rule_fits_has_no_guess(judge: Judge, seed: int, count: int) -> None:
    def some_missing(rows: pl.DataFrame, _: Any) -> pl.DataFrame:
        gone = rows.head(-20).sample(count, seed=seed)
        return rows.join(gone, on="order_id", how="anti")

    def some_wrong(rows: pl.DataFrame, _: Any) -> pl.DataFrame:
        wrong = pl.int_range(pl.len()) % (7 + seed) == count
        return rows.with_columns(pl.when(wrong).then(pl.col("cents") + 100 * count).otherwise(pl.col("cents")))

    assert only(judge(at("orders", some_missing, WRONG))) == ("orders", (WRONG,), None)
    assert only(judge(at("orders", some_wrong, WRONG))) == ("orders", (WRONG,), None)
