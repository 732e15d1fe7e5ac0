"""Good rows go on, bad ones become dead letters with a reason and their origin, too many bad ones fail the step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandera.polars as pa
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from counterpoint.contracts import Validated, split
from counterpoint.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Sequence

RULES = pa.DataFrameSchema(
    {
        "user": pa.Column(pl.String, pa.Check.str_length(1, 5)),
        "seconds": pa.Column(pl.Float64, pa.Check.in_range(0, 100), nullable=True),
        "origin": pa.Column(pl.String),
    },
    name="events",
)


def events(users: Sequence[str | None], seconds: Sequence[float | None]) -> pl.DataFrame:
    origins = [f"day.csv:{number}" for number in range(2, len(users) + 2)]
    schema = {"user": pl.String, "seconds": pl.Float64, "origin": pl.String}
    return pl.DataFrame({"user": users, "seconds": seconds, "origin": origins}, schema=schema)


def judged(users: Sequence[str | None], seconds: Sequence[float | None], **limits: float) -> Validated:
    return split(RULES, events(users, seconds), max_bad_rate=limits.pop("rate", 1.0), **limits)  # type: ignore[arg-type]


def test_good_rows_go_on_as_they_came_and_in_their_order() -> None:
    found = judged(["b", None, "a"], [1.0, 2.0, None])
    assert_frame_equal(found.rows, events(["b", None, "a"], [1.0, 2.0, None])[[0, 2]])
    assert found.summary == {"rows": 2, "rejected": 1}


def test_a_bad_row_keeps_its_values_and_says_why_and_where_from() -> None:
    (row,) = judged(["a", "toolong"], [1.0, 2.0]).rejected.to_dicts()
    assert (row["user"], row["seconds"], row["origin"]) == ("toolong", 2.0, "day.csv:3")
    assert (row["column"], row["check"]) == ("user", "str_length(1, 5)")
    assert row["reason"] == "user, str_length(1, 5): 'toolong'"


@pytest.mark.parametrize(
    ("user", "seconds", "column", "check"),
    [
        (None, 1.0, "user", "not_nullable"),
        ("", 1.0, "user", "str_length(1, 5)"),
        ("a", -0.5, "seconds", "in_range(0, 100)"),
        ("a", 100.5, "seconds", "in_range(0, 100)"),
        ("a", float("nan"), "seconds", "in_range(0, 100)"),
        ("a", float("inf"), "seconds", "in_range(0, 100)"),
    ],
)
def test_nulls_and_ranges_are_told_apart(user: str | None, seconds: float, column: str, check: str) -> None:
    (row,) = judged(["a", user], [1.0, seconds]).rejected.to_dicts()
    assert (row["column"], row["check"]) == (column, check)


def test_the_ends_of_a_range_and_allowed_nulls_are_good() -> None:
    assert judged(["a"] * 3, [0.0, 100.0, None]).summary == {"rows": 3, "rejected": 0}


def test_a_row_that_breaks_several_checks_is_rejected_once() -> None:
    found = judged(["a", "toolong", "b"], [1.0, -1.0, -2.0])
    assert found.summary == {"rows": 1, "rejected": 2}
    assert found.rejected["origin"].to_list() == ["day.csv:3", "day.csv:4"]


def test_a_long_value_does_not_make_a_long_reason() -> None:
    assert len(judged(["a", "x" * 10_000], [1.0, 1.0]).rejected["reason"][0]) < 200


def test_at_the_limit_the_rows_go_on() -> None:
    assert judged(["a"] * 99 + [None], [1.0] * 100, rate=0.01).summary == {"rows": 99, "rejected": 1}


def test_over_the_limit_it_fails_naming_column_check_count_and_three_examples() -> None:
    seconds = [1.0] * 95 + [-1.0, -2.0, -3.0, -4.0, -5.0]
    users = ["a"] * 94 + ["toolong"] * 2 + ["a"] * 4
    with pytest.raises(ContractError) as caught:
        judged(users, seconds, rate=0.01)
    assert str(caught.value) == (
        "events: 6 of 100 rows are bad, over the limit of 1.00%: column seconds, check in_range(0, 100): 5 times,"
        " such as '-1.0', '-2.0', '-3.0'; mend the source, or raise the limit"
    )


def test_what_failed_carries_its_rejected_rows() -> None:
    with pytest.raises(ContractError) as caught:
        judged(["a", None], [1.0, 1.0], rate=0.01)
    rejected = caught.value.rejected
    assert rejected["origin"].to_list() == ["day.csv:3"]
    assert {"reason", "column", "check"} <= set(rejected.columns)
    assert (caught.value.exit_code, caught.value.failure) == (1, "bad_data")


@pytest.mark.parametrize(("rows", "minimum"), [(0, 1), (9, 10)])
def test_too_few_rows_fail_even_when_all_are_good(rows: int, minimum: int) -> None:
    with pytest.raises(ContractError, match=rf"^events: {rows} good rows, fewer than the {minimum} it needs: nothing"):
        judged(["a"] * rows, [1.0] * rows, minimum_rows=minimum)


def test_bad_rows_do_not_count_towards_the_least() -> None:
    with pytest.raises(ContractError, match="1 good rows, fewer than the 2") as caught:
        judged(["a", None], [1.0, 1.0], minimum_rows=2)
    assert caught.value.rejected.height == 1


def test_no_rows_are_enough_where_none_are_needed() -> None:
    found = judged([], [], minimum_rows=0)
    assert (found.rows.height, found.rejected.height) == (0, 0)
    assert {"reason", "column", "check", "origin"} <= set(found.rejected.columns)


@pytest.mark.parametrize(
    ("frame", "column"),
    [
        (events(["a"], [1.0]).drop("user"), "user"),
        (events(["a"], [1.0]).cast({"seconds": pl.String}), "seconds"),
        (events([], []).cast({"seconds": pl.String}), "seconds"),
    ],
    ids=["absent", "another type", "another type without rows"],
)
def test_a_column_that_is_absent_or_of_another_type_is_no_matter_of_rows(frame: pl.DataFrame, column: str) -> None:
    with pytest.raises(ContractError, match=rf"^events: column .*{column}.*: fix the input's columns$|{column}"):
        split(RULES, frame, max_bad_rate=1.0, minimum_rows=0)
