"""Ranking metrics, in numpy alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]
    Bools = NDArray[np.bool_]
    Ints = NDArray[np.int64]

DIGITS = 12  # of a stored metric: beyond them lies the order of summation


def rounded(value: float) -> float:
    """A metric with as many digits as are worth comparing."""
    return float(f"{value:.{DIGITS}g}")


def recall(hits: Bools, relevant: Ints, k: int) -> Floats:
    """Recall@k per user: hits in the first k over min(k, relevant items).

    `hits` is users x at least k, whether the item at each rank is relevant; `relevant` counts per user, >= 1.
    """
    found: Floats = hits[:, :k].sum(axis=1) / np.minimum(relevant, k)
    return found


def ndcg(hits: Bools, relevant: Ints, k: int) -> Floats:
    """NDCG@k per user with binary gains (Järvelin and Kekäläinen 2002): discount 1 / log2(rank + 1)."""
    discounts = 1.0 / np.log2(np.arange(2, k + 2))
    gained = (hits[:, :k] * discounts[: hits[:, :k].shape[1]]).sum(axis=1)
    ideal = np.concatenate([[0.0], np.cumsum(discounts)])[np.minimum(relevant, k)]
    found: Floats = gained / ideal
    return found


def auc(labels: Bools, scores: Floats) -> float:
    """The area under the ROC curve, ties counting half (Mann-Whitney); nan without both labels."""
    positives = int(labels.sum())
    negatives = len(labels) - positives
    if not positives or not negatives:
        return float("nan")
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = (ends - (counts - 1) / 2.0)[inverse]
    return float((ranks[labels].sum() - positives * (positives + 1) / 2.0) / (positives * negatives))


def grouped_ndcg(groups: Ints, labels: Bools, scores: Floats, k: int) -> float:
    """The mean NDCG@k over groups (users) that hold both labels; ties keep the order given. Nan without any."""
    if not len(groups):
        return float("nan")
    order = np.lexsort((np.arange(len(scores)), -scores, groups))
    owner, hit = groups[order], labels[order]
    starts = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]])
    sizes = np.diff(np.r_[starts, len(owner)])
    rank = np.arange(len(owner)) - np.repeat(starts, sizes)
    gains = np.where(hit & (rank < k), 1.0 / np.log2(rank + 2.0), 0.0)
    positives = np.add.reduceat(hit.astype(np.int64), starts)
    mixed = (positives > 0) & (positives < sizes)
    if not mixed.any():
        return float("nan")
    ideal = np.concatenate([[0.0], np.cumsum(1.0 / np.log2(np.arange(2, k + 2)))])[np.minimum(positives, k)]
    return float((np.add.reduceat(gains, starts)[mixed] / ideal[mixed]).mean())


def top(scores: Floats, k: int) -> Ints:
    """The columns of the k highest scores of each row, best first; of equal ones the lower column first.

    `scores` is rows x columns with k <= columns; -inf marks what must not be chosen unless nothing is left.
    """
    if k >= scores.shape[1]:
        return np.argsort(-scores, axis=1, kind="stable")[:, :k]
    least = -np.partition(-scores, k - 1, axis=1)[:, k - 1 : k]
    above, equal = scores > least, scores == least
    # which of the equal ones a partition puts first depends on the processor: the lower columns are taken
    room = k - above.sum(axis=1, keepdims=True)
    chosen = np.nonzero(above | (equal & (equal.cumsum(axis=1) <= room)))[1].reshape(len(scores), k)
    order = np.argsort(-np.take_along_axis(scores, chosen, axis=1), axis=1, kind="stable")
    return np.take_along_axis(chosen, order, axis=1)
