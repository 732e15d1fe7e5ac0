"""The contract of an output: kept, it is recorded; broken, nothing goes on and the message says what is wrong."""

from __future__ import annotations

from typing import Any

import pandera.polars as pa
import polars as pl
import pytest

from counterpoint.contracts import CHECK_NAME, CheckResult, check
from counterpoint.errors import ContractError

DAY = "2026-01-03"
CONTRACT = pa.DataFrameSchema(
    {
        "item": pa.Column(pl.String, unique=True),
        "share": pa.Column(pl.Float64, pa.Check.in_range(0, 1), nullable=True),
    },
    strict=True,
    name="shares",
    description="How much of the day each item had.",
)
FULL = pa.DataFrameSchema(
    {"item": pa.Column(pl.String)},
    checks=pa.Check(lambda data: data.lazyframe.select(pl.len() >= 2), name="at least 2 rows"),
    name="full",
)


def shares(items: list[str | None], values: list[float | None]) -> pl.DataFrame:
    return pl.DataFrame({"item": items, "share": values}, schema={"item": pl.String, "share": pl.Float64})


def broken(frame: pl.DataFrame, contract: Any = CONTRACT) -> str:
    with pytest.raises(ContractError) as caught:
        check(contract, frame, "shared", DAY)
    return str(caught.value)


def test_a_contract_that_is_kept_is_told_with_its_rows_and_columns() -> None:
    facts = {"rows": 2, "columns": ["item", "share"]}
    assert check(CONTRACT, shares(["a", "b"], [0.0, None]), "shared", DAY) == [
        CheckResult(CHECK_NAME, passed=True, description="How much of the day each item had.", metadata=facts)
    ]


def test_a_frame_of_no_rows_keeps_a_contract_that_asks_for_none() -> None:
    (result,) = check(CONTRACT, shares([], []), "shared", DAY)
    assert (result.passed, result.metadata["rows"]) == (True, 0)


def test_a_contract_may_ask_for_rows() -> None:
    assert "check at least 2 rows" in broken(pl.DataFrame(schema={"item": pl.String}), FULL)
    assert "check at least 2 rows" in broken(pl.DataFrame({"item": ["a"]}), FULL)
    assert check(FULL, pl.DataFrame({"item": ["a", "b"]}), "shared", DAY)[0].passed


def test_a_broken_contract_names_step_partition_column_check_count_and_three_examples() -> None:
    assert broken(shares(list("abcde"), [0.5, 2.0, 3.0, 4.0, 5.0])) == (
        "the output of shared for 2026-01-03 breaks its contract: column share, check in_range(0, 1): 4 times, such as"
        " '2.0', '3.0', '4.0'; nothing of it is published: mend shared, or its contract shares"
    )


@pytest.mark.parametrize(
    ("frame", "column", "name"),
    [
        (shares([None, "b"], [0.5, 0.5]), "item", "not_nullable: 1 times"),
        (shares(["a", "a"], [0.5, 0.5]), "item", "field_uniqueness: 2 times"),
        (shares(["a"], [-0.1]), "share", "in_range(0, 1): 1 times, such as '-0.1'"),
        (shares([], []).cast({"share": pl.Int64}), "share", "dtype('Float64')"),
        (shares([], []).drop("item"), "shares", "column_in_dataframe: 1 times, such as 'item'"),
        (shares([], []).with_columns(other=1), "shares", "column_in_schema: 1 times, such as 'other'"),
    ],
    ids=["null", "twice", "range", "type", "absent", "unknown"],
)
def test_what_is_wrong_is_named(frame: pl.DataFrame, column: str, name: str) -> None:
    assert f"column {column}, check {name}" in broken(frame)


def test_of_several_failures_the_most_frequent_is_named() -> None:
    assert "column share, check in_range(0, 1): 2 times" in broken(shares([None, "b", "c"], [0.5, 2.0, 3.0]))


def test_an_example_is_cut() -> None:
    long = shares(["x" * 10_000] * 2, [0.5, 0.5])
    assert len(broken(long)) < 600


def positive(value: int) -> None:
    """A number above zero."""
    if value <= 0:
        raise ContractError(f"{value} is not above zero")


def test_a_contract_of_another_value_is_a_function_that_raises() -> None:
    assert check(positive, 1, "counted", DAY) == [
        CheckResult(CHECK_NAME, passed=True, description="A number above zero.")
    ]
    with pytest.raises(ContractError, match="-1 is not above zero"):
        check(positive, -1, "counted", DAY)
