"""The measures of a shift: zero for the same, what SciPy computes, and what the definition says."""

from __future__ import annotations

import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.diff.drift import KS_LIMIT, MOST_CATEGORIES, PSI_LIMIT, drift_of, ks, psi

NUMBERS = st.lists(st.floats(-1e6, 1e6) | st.sampled_from([0.0, 1.0]), min_size=1, max_size=60)
WORDS = st.lists(st.sampled_from(["a", "b", "c", None]), min_size=1, max_size=60)


def floats(values: list[float]) -> pl.Series:
    return pl.Series(values, dtype=pl.Float64)


def words(values: list[str | None]) -> pl.Series:
    return pl.Series(values, dtype=pl.String)


@given(NUMBERS, NUMBERS)
def test_ks_is_what_scipy_computes(left: list[float], right: list[float]) -> None:
    stats = pytest.importorskip("scipy.stats")
    found = ks(floats(left), floats(right))
    assert found == pytest.approx(stats.ks_2samp(left, right, method="asymp").statistic)


@given(WORDS, WORDS)
def test_psi_is_its_definition(left: list[str | None], right: list[str | None]) -> None:
    found, total = psi(words(left), words(right)), 0.0
    for value in {*left, *right}:
        p, q = (max(side.count(value) / len(side), 1e-4) for side in (left, right))
        total += (p - q) * math.log(p / q)
    assert found == pytest.approx(total, abs=1e-9)


@given(WORDS, st.randoms())
def test_the_order_of_rows_does_not_count(values: list[str | None], random: object) -> None:
    shuffled = list(values)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert psi(words(values), words(shuffled)) == pytest.approx(0)


def test_nothing_is_computed_of_nothing() -> None:
    assert psi(words([]), words(["a"])) is None
    assert ks(floats([]), floats([1.0])) is None
    assert ks(floats([math.nan]), floats([1.0])) is None


def test_each_column_is_judged_by_its_type_or_said_not_to_be() -> None:
    left = pl.DataFrame(
        {
            "number": range(200),
            "same": [1] * 200,
            "word": ["a"] * 100 + ["b"] * 100,
            "name": [f"n{number}" for number in range(200)],
            "day": [None] * 200,
            "gone": [1] * 200,
        },
        schema_overrides={"day": pl.Date},
    )
    right = left.drop("gone").with_columns(pl.col("number") + 100, word=pl.lit("b"))
    found = {each.column: each for each in drift_of(left.lazy(), right.lazy())}
    assert set(found) == {"number", "same", "word", "name", "day"}
    assert (pytest.approx(found["number"].value), found["number"].limit, found["number"].drifted) == (
        0.5,
        KS_LIMIT,
        True,
    )
    assert (found["same"].value, found["same"].drifted) == (0, False)
    assert (found["word"].measure, found["word"].limit, found["word"].drifted) == ("psi", PSI_LIMIT, True)
    assert found["name"].note == f"more than {MOST_CATEGORIES} different values"
    assert found["day"].value is None
