"""Evaluation on the held-out day: each model beside the popularity of its window, in numpy alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from counterpoint.errors import StepError
from streamrec.examples import catalogue_of, examples_of, with_negatives
from streamrec.metrics import auc, grouped_ndcg, ndcg, recall, rounded, top
from streamrec.ranking import scores_of
from streamrec.retrieval import item_vectors, seed_of, settings_of, user_vectors
from streamrec.towers import Vocabularies, tastes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from counterpoint.model import Partition
    from counterpoint.storage import Model

_BLOCK = 512  # users scored at once: bounds memory at block x catalogue
CUTS = (20, 100)
RANKED = 20


@dataclass(frozen=True)
class Task:
    """Who is to be recommended what: users, the catalogue, which (user, item) pairs are relevant or seen before."""

    users: pl.Series
    catalogue: pl.DataFrame
    relevant: NDArray[np.bool_]
    seen: NDArray[np.bool_]
    unknown: NDArray[np.int64]  # per user, relevant items that are not in the catalogue: nobody can find them


def retrieval_evaluation(
    retrieval_model: Model,
    training_features: pl.DataFrame,
    interactions: Mapping[str, pl.DataFrame],
    held_out: pl.DataFrame,
    partition: Partition,
    retrieval: Mapping[str, Any],
) -> dict[str, Any]:
    """Recall and NDCG at 20 and 100 of ranking the whole catalogue of the window for each user of the held-out day.

    `model` and `popularity` are scored on `all` relevant items, on `new` ones (not met in the window, the met ones
    left out of the ranking) and on `repeat` ones. Relevant are the items with a positive event.

    Raises:
        StepError: nobody had a positive event on the held-out day, or the window has no items.
    """
    settings_of(retrieval)
    positives = examples_of(held_out, partition.key).filter("label")
    catalogue = catalogue_of(training_features, partition.day)
    if positives.is_empty() or catalogue.is_empty():
        raise StepError(
            f"retrieval_evaluation of {partition.key}: {len(positives)} positive events on the held-out day and"
            f" {len(catalogue)} items in the window: there is nothing to evaluate on"
        )
    task = _task(positives, catalogue, interactions)
    towers = _Towers(retrieval_model, task, training_features, partition)
    found: dict[str, Any] = {"model": _scored(task, towers), "popularity": _scored(task, _Popularity(task))}
    words = Vocabularies.from_arrays(retrieval_model.weights)
    found["users"] = len(task.users)
    found["cold_users"] = int((words.users.rows(task.users) == 0).sum())
    found["catalogue"] = len(catalogue)
    found["relevant"] = int(task.relevant.sum() + task.unknown.sum())
    found["relevant_cold_items"] = int(task.unknown.sum())
    return found


def _task(positives: pl.DataFrame, catalogue: pl.DataFrame, interactions: Mapping[str, pl.DataFrame]) -> Task:
    users = positives["user_id"].unique().sort()
    pairs = [events.select("user_id", "item_id").unique() for events in interactions.values() if len(events)]
    met = pl.concat(pairs).unique() if pairs else positives.select("user_id", "item_id").clear()
    relevant = _marks(users, catalogue, positives)
    counts = positives.group_by("user_id").len().sort("user_id")["len"].to_numpy().astype(np.int64)
    return Task(users, catalogue, relevant, _marks(users, catalogue, met), counts - relevant.sum(axis=1))


def _marks(users: pl.Series, catalogue: pl.DataFrame, pairs: pl.DataFrame) -> NDArray[np.bool_]:
    """Users x items: whether the pair is among `pairs`."""
    rows = users.rename("user_id").to_frame().with_row_index("row")
    columns = catalogue.select("item_id").with_row_index("column")
    found = pairs.join(rows, on="user_id").join(columns, on="item_id")
    marks = np.zeros((len(users), len(catalogue)), dtype=np.bool_)
    marks[found["row"].to_numpy(), found["column"].to_numpy()] = True
    return marks


class _Towers:
    """Scores of the two-tower model."""

    def __init__(self, model: Model, task: Task, features: pl.DataFrame, partition: Partition) -> None:
        keys = pl.DataFrame({"user_id": task.users}).with_columns(pl.lit(partition.day).alias("as_of"))
        shares = tastes(features, keys, Vocabularies.from_arrays(model.weights).categories)
        self.users = user_vectors(model, task.users, shares)
        self.items, self.bias = item_vectors(model, task.catalogue)

    def block(self, rows: slice) -> NDArray[np.float32]:
        scores: NDArray[np.float32] = self.users[rows] @ self.items.T + self.bias
        return scores


class _Popularity:
    """The same scores for everybody: positive events in the window."""

    def __init__(self, task: Task) -> None:
        self.scores = task.catalogue["popularity"].to_numpy().astype(np.float32)
        self.users = len(task.users)

    def block(self, rows: slice) -> NDArray[np.float32]:
        count = len(range(*rows.indices(self.users)))
        return np.repeat(self.scores[None, :], count, axis=0)


def _scored(task: Task, scorer: _Towers | _Popularity) -> dict[str, float]:
    """The means over users of every metric."""
    sums: dict[str, list[NDArray[Any]]] = {}
    for rows in _blocks(len(task.users)):
        for name, values in _block_metrics(task, scorer.block(rows), rows):
            sums.setdefault(name, []).append(values)
    joined = {name: np.concatenate(parts) for name, parts in sums.items()}
    return {name: rounded(float(values.mean())) for name, values in joined.items() if len(values)}


def _blocks(count: int) -> Iterator[slice]:
    for start in range(0, count, _BLOCK):
        yield slice(start, start + _BLOCK)


def _block_metrics(
    task: Task, scores: NDArray[np.float32], rows: slice
) -> Iterator[tuple[str, NDArray[np.floating[Any]]]]:
    relevant, seen, unknown = task.relevant[rows], task.seen[rows], task.unknown[rows]
    deepest = min(max(CUTS), scores.shape[1])
    ranked = top(scores, deepest)
    fresh = top(np.where(seen, -np.inf, scores), deepest)
    kinds = {
        "all": (ranked, relevant, relevant.sum(axis=1) + unknown),
        "new": (fresh, relevant & ~seen, (relevant & ~seen).sum(axis=1) + unknown),
        "repeat": (ranked, relevant & seen, (relevant & seen).sum(axis=1)),
    }
    for kind, (order, wanted, counts) in kinds.items():
        some = counts > 0
        hits = np.take_along_axis(wanted, order, axis=1)[some]
        for k in CUTS:
            yield f"{kind}.recall@{k}", recall(hits, counts[some], k)
            yield f"{kind}.ndcg@{k}", ndcg(hits, counts[some], k)


def ranking_evaluation(
    ranking_model: Model,
    training_features: pl.DataFrame,
    interactions: Mapping[str, pl.DataFrame],
    held_out: pl.DataFrame,
    partition: Partition,
    seed: int,
) -> dict[str, Any]:
    """NDCG@20 by user and AUC of ordering the held-out day's examples, beside ordering them by popularity.

    Raises:
        StepError: there are no examples with both labels, or no user has both.
    """
    catalogue = catalogue_of(training_features, partition.day)
    start = seed_of(seed, partition)
    examples = with_negatives(examples_of(held_out, partition.key), catalogue, start)
    labels = examples["label"].to_numpy()
    if not labels.any() or labels.all():
        raise StepError(
            f"ranking_evaluation of {partition.key}: all {len(labels)} examples of the held-out day have the same"
            f" label; the window is {', '.join(interactions)}"
        )
    mixed = examples.group_by("user_id").agg(pl.col("label").n_unique())["label"]
    if mixed.max() == 1:
        raise StepError(
            f"ranking_evaluation of {partition.key}: none of {len(mixed)} users has examples with both labels on the"
            " held-out day: there is no order to evaluate"
        )
    users = examples["user_id"].rank("dense").cast(pl.Int64).to_numpy()
    known = examples.join(catalogue, on="item_id", how="left", maintain_order="left")
    popularity = known["popularity"].fill_null(0).to_numpy().astype(np.float64)
    scorers = {"model": scores_of(ranking_model, examples, training_features), "popularity": popularity}
    found: dict[str, Any] = {
        name: {
            f"ndcg@{RANKED}": rounded(grouped_ndcg(users, labels, scores, RANKED)),
            "auc": rounded(auc(labels, scores)),
        }
        for name, scores in scorers.items()
    }
    return {**found, "examples": len(labels), "positives": int(labels.sum())}
