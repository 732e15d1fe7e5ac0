"""Rejected rows are told apart by step, partition, content and number, whatever was said of them and in which order."""

from __future__ import annotations

from collections import Counter

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.deadletters.identity import failed_again, identities

ROWS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["a", "b", None])), max_size=12)


def frame(rows, reason="r"):
    found = pl.DataFrame(rows, {"x": pl.Int64, "y": pl.String}, orient="row")
    return found.with_columns(reason=pl.lit(reason), column=pl.lit("x"), check=pl.lit(reason))


def names(rows, step="s", partition="p", reason="r"):
    return identities(step, partition, frame(rows, reason), [False] * len(rows))


@given(ROWS, st.randoms(use_true_random=False))
def test_each_row_has_a_name_of_its_own_in_any_order(rows, random):
    shuffled = random.sample(rows, len(rows))
    assert len(set(names(rows))) == len(rows)
    assert sorted(names(rows)) == sorted(names(shuffled))


@given(ROWS)
def test_what_was_said_of_a_row_is_no_part_of_it(rows):
    assert names(rows) == names(rows, reason="other")
    assert names(rows) == identities("s", "p", frame(rows).select("y", "check", "x"), [False] * len(rows))


@given(ROWS)
def test_other_steps_and_partitions_have_other_names(rows):
    assert set(names(rows)).isdisjoint([*names(rows, step="t"), *names(rows, partition="q")])


@given(ROWS, ROWS)
def test_one_more_row_leaves_the_names_of_the_others(rows, more):
    assert names(rows + more)[: len(rows)] == names(rows)


@given(ROWS, ROWS)
def test_as_many_failed_again_as_were_resubmitted(rejected, resubmitted):
    again = failed_again(frame(rejected), frame(resubmitted).select("y", "x"))
    marked = Counter(row for row, is_again in zip(rejected, again, strict=True) if is_again)
    assert marked == Counter(rejected) & Counter(resubmitted)


def test_nothing_failed_again_where_nothing_was_resubmitted_or_nothing_is_alike():
    rejected = frame([(1, "a")])
    assert failed_again(rejected, None) == [False]
    assert failed_again(rejected, pl.DataFrame({"z": [1]})) == [False]


def test_binary_values_have_names_too():
    rows = pl.DataFrame({"b": [b"\xff", b"\xfe"]})
    assert len(set(identities("s", "p", rows, [False, False]))) == 2
