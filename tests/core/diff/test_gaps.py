"""The difference of two values is that of exact arithmetic, and a tolerance never hides one that is larger."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.diff import Options, Tolerance, diff_tables

BIG = 9007199254740992


def column(left: Any, right: Any, kind: Any, tolerance: float = 0.0) -> Any:
    one, other = (pl.LazyFrame({"id": [1], "x": pl.Series([value], dtype=kind)}) for value in (left, right))
    return diff_tables(one, other, Options(("id",), Tolerance(tolerance))).columns[1]


@pytest.mark.parametrize(
    ("left", "right", "kind", "tolerance", "changed", "largest"),
    [
        (Decimal(f"{BIG}.0"), Decimal(f"{BIG + 1}.0"), pl.Decimal(38, 1), 0.5, 1, 1.0),
        (Decimal("0.1"), Decimal("0.3"), pl.Decimal(38, 1), 0.2, 0, None),
        (BIG, BIG + 1, pl.Int64, 0.5, 1, 1),
        (2**127 - 1, -(2**127), pl.Int128, 1e30, 1, None),
        (2**120, 2**120 + 1, pl.Int128, 0.5, 1, 1),
        (Decimal("9" * 38), Decimal("-" + "9" * 38), pl.Decimal(38, 0), 1.0, 1, None),
    ],
)
def test_digits_beyond_a_double_count(
    left: Any, right: Any, kind: Any, tolerance: float, changed: int, largest: float | None
) -> None:
    found = column(left, right, kind, tolerance)
    assert (found.changed, found.max_abs_diff) == (changed, largest)


@pytest.mark.parametrize("kind", [pl.Datetime("ns"), pl.Duration("ns")])
def test_nanoseconds_count(kind: Any) -> None:
    left, right = (pl.LazyFrame({"id": [1], "x": pl.Series([n]).cast(kind)}) for n in (5, 8))
    assert diff_tables(left, right).columns[1].max_abs_diff == 3e-9


DECIMALS = st.decimals(-(10**30), 10**30, places=6, allow_nan=False)


@given(DECIMALS, DECIMALS | st.just(None), st.sampled_from([1e-6, 0.5, 1e9]))
def test_a_decimal_is_compared_exactly(left: Decimal, right: Decimal | None, tolerance: float) -> None:
    with localcontext(prec=60):
        other = left + Decimal("0.000001") if right is None else right
        difference = abs(left - other)
        found = column(left, other, pl.Decimal(38, 6), tolerance)
        assert found.changed == (left != other and float(difference) > tolerance)
    if found.changed:
        assert found.max_abs_diff == pytest.approx(float(difference))
