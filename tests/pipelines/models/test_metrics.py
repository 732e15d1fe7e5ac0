"""The ranking metrics against plain loops, and in numbers worked out by hand."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamrec.metrics import auc, grouped_ndcg, ndcg, recall, rounded, top

if TYPE_CHECKING:
    from collections.abc import Sequence

Case = tuple[list[float], set[int], int]  # scores of the items, which of them are relevant, k

SCORES = st.sampled_from([-math.inf, -2.0, -0.5, 0.0, 0.25, 1.0, 3.0])  # few values: many ties
LABELLED = st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.sampled_from([0.0, 0.5, 1.0, 2.0])), max_size=14)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    scores = draw(st.lists(SCORES, min_size=1, max_size=12))
    relevant = draw(st.sets(st.integers(0, len(scores) - 1), min_size=1))
    return scores, relevant, draw(st.integers(1, 15))


def naive_order(scores: Sequence[float], k: int) -> list[int]:
    return sorted(range(len(scores)), key=lambda item: (-scores[item], item))[:k]


def naive_dcg(gains: Sequence[bool]) -> float:
    total = 0.0
    for rank, gain in enumerate(gains, start=1):
        if gain:
            total += 1 / math.log2(rank + 1)
    return total


def naive_auc(labels: Sequence[bool], scores: Sequence[float]) -> float:
    won, pairs = 0.0, 0
    for good, high in zip(labels, scores, strict=True):
        for bad, low in zip(labels, scores, strict=True):
            if good and not bad:
                pairs += 1
                won += 1.0 if high > low else 0.5 if high == low else 0.0
    return won / pairs if pairs else math.nan


def naive_grouped(rows: Sequence[tuple[int, bool, float]], k: int) -> float:
    found = []
    for user in {group for group, _, _ in rows}:
        own = sorted((row for row in rows if row[0] == user), key=lambda row: -row[2])
        labels = [label for _, label, _ in own]
        if any(labels) and not all(labels):
            found.append(naive_dcg(labels[:k]) / naive_dcg([True] * min(k, sum(labels))))
    return sum(found) / len(found) if found else math.nan


def hits_of(
    case: Case,
) -> tuple[np.ndarray[tuple[int, int], np.dtype[np.bool_]], np.ndarray[tuple[int], np.dtype[np.int64]]]:
    scores, relevant, k = case
    order = top(np.array([scores]), min(k, len(scores)))
    return np.isin(order, list(relevant)).reshape(1, -1), np.array([len(relevant)])


@given(cases())
def test_the_best_are_chosen_and_of_equal_ones_the_first(case: Case) -> None:
    scores, _, k = case
    assert top(np.array([scores]), min(k, len(scores)))[0].tolist() == naive_order(scores, k)


@given(st.lists(st.lists(SCORES, min_size=9, max_size=9), min_size=2, max_size=4), st.integers(1, 9))
def test_every_row_is_ranked_by_itself(rows: list[list[float]], k: int) -> None:
    assert top(np.array(rows), k).tolist() == [naive_order(row, k) for row in rows]


def test_ties_over_the_cut_do_not_depend_on_how_the_processor_partitions() -> None:
    scores = np.zeros((3, 5_000), dtype=np.float32)
    scores[:, 4_000] = 1.0
    assert top(scores, 100).tolist() == [[4_000, *range(99)]] * 3


@given(cases())
def test_recall_equals_the_loops(case: Case) -> None:
    scores, relevant, k = case
    found = len(relevant.intersection(naive_order(scores, k)))
    assert recall(*hits_of(case), k)[0] == pytest.approx(found / min(k, len(relevant)))


@given(cases())
def test_ndcg_equals_the_loops(case: Case) -> None:
    scores, relevant, k = case
    gains = [item in relevant for item in naive_order(scores, k)]
    assert ndcg(*hits_of(case), k)[0] == pytest.approx(naive_dcg(gains) / naive_dcg([True] * min(k, len(relevant))))


@given(st.lists(st.tuples(st.booleans(), SCORES), max_size=20))
def test_auc_equals_the_loops(rows: list[tuple[bool, float]]) -> None:
    labels, scores = [label for label, _ in rows], [score for _, score in rows]
    found = auc(np.array(labels, dtype=np.bool_), np.array(scores))
    assert found == pytest.approx(naive_auc(labels, scores), nan_ok=True)


@given(LABELLED, st.integers(1, 6))
def test_ndcg_by_user_equals_the_loops(rows: list[tuple[int, bool, float]], k: int) -> None:
    groups = np.array([row[0] for row in rows], dtype=np.int64)
    labels, scores = np.array([row[1] for row in rows], dtype=np.bool_), np.array([row[2] for row in rows])
    assert grouped_ndcg(groups, labels, scores, k) == pytest.approx(naive_grouped(rows, k), nan_ok=True)


HITS = np.array([[True, False, True], [False, False, False]])


def test_recall_by_hand() -> None:
    assert recall(HITS, np.array([3, 1]), 3).tolist() == pytest.approx([2 / 3, 0.0])
    assert recall(HITS, np.array([3, 1]), 1).tolist() == [1.0, 0.0]  # one place: one of three is all it can hold
    assert recall(HITS, np.array([4, 1]), 100).tolist() == [0.5, 0.0]  # k beyond the catalogue


def test_ndcg_by_hand() -> None:
    # gains at ranks 1 and 3: 1 + 1/2; the ideal of two: 1 + 1/log2(3) = 1.63093; of four: 2.56161
    assert ndcg(HITS, np.array([2, 1]), 3).tolist() == pytest.approx([1.5 / 1.6309297535714573, 0.0])
    assert ndcg(HITS, np.array([4, 1]), 100).tolist() == pytest.approx([1.5 / 2.5616063116448506, 0.0])
    assert ndcg(HITS, np.array([3, 1]), 1).tolist() == [1.0, 0.0]


def test_auc_by_hand() -> None:
    labels = np.array([True, False, True, False])
    assert auc(labels, np.array([3.0, 2.0, 1.0, 0.0])) == 0.75
    assert auc(labels, np.array([1.0, 1.0, 1.0, 1.0])) == 0.5
    assert auc(labels, np.array([2.0, 1.0, 1.0, 0.0])) == 0.875
    assert auc(labels, np.array([1.0, 0.0, 1.0, 0.0])) == 1.0


@pytest.mark.parametrize("label", [True, False])
def test_auc_of_one_label_is_no_number(label: bool) -> None:  # noqa: FBT001
    assert math.isnan(auc(np.array([label, label]), np.array([0.0, 1.0])))


def test_users_without_both_labels_do_not_count() -> None:
    groups, scores = np.array([1, 1, 2, 2, 3]), np.array([0.1, 0.9, 0.5, 0.4, 1.0])
    labels = np.array([True, False, True, True, False])
    assert grouped_ndcg(groups, labels, scores, 20) == pytest.approx(1 / math.log2(3))
    assert math.isnan(grouped_ndcg(groups[2:], labels[2:], scores[2:], 20))


def test_a_metric_keeps_twelve_digits() -> None:
    assert rounded(1 / 3) == 0.333333333333
    assert rounded(0.1 + 0.2) == 0.3
