"""Retrieval: a two-tower model trained by in-batch softmax with the logQ correction.

The user tower adds an embedding of the id and one of the user's tastes; the item tower an embedding of the id and
one of the category; an item also has a bias, which starts at the log of its popularity. Ids that training has not
seen share row 0, so a cold user is served by tastes, a cold item by its category. Source of the correction: Yi et al.,
Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations, RecSys 2019.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from counterpoint.errors import StepError, UsageError
from counterpoint.storage import Model
from streamrec.encoding import Vocabulary
from streamrec.examples import catalogue_of, positives_of
from streamrec.towers import Vocabularies, tastes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from counterpoint.model import Partition
    from counterpoint.runtime.checkpoints import Checkpoint

DEFAULTS: dict[str, Any] = {
    "dimension": 32,
    "epochs": 6,
    "batch": 1024,
    "learning_rate": 0.15,
    "unknown_rate": 0.05,  # of the ids of a batch, replaced by row 0 so that it learns what an average one is
    "top": 100,
}


@dataclass(frozen=True)
class Pairs:
    """Positive pairs as rows: user, item, category of the item, and the row of `tastes` of the user that day."""

    user: NDArray[np.int64]
    item: NDArray[np.int64]
    category: NDArray[np.int64]
    taste: NDArray[np.int64]
    tastes: NDArray[np.float32]


def settings_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of the model: the defaults with what is given.

    Raises:
        UsageError: there is no such setting.
    """
    unknown = sorted(set(given) - set(DEFAULTS))
    if unknown:
        raise UsageError(f"retrieval: {unknown[0]!r} is no setting; there are {', '.join(DEFAULTS)}")
    return {**DEFAULTS, **given}


def retrieval_model(
    training_features: pl.DataFrame,
    interactions: Mapping[str, pl.DataFrame],
    partition: Partition,
    retrieval: Mapping[str, Any],
    seed: int,
    checkpoint: Checkpoint | None = None,
) -> Model:
    """Trains the two towers on the positive events of the window's days before the partition's.

    Bitwise equal for equal input: one thread, eager mode, all random numbers from `seed` and the partition; also when
    it goes on from the last epoch of a training that was killed, which it finds in `checkpoint`.

    Raises:
        StepError: there are no positive events.
    """
    settings = settings_of(retrieval)
    positives = positives_of(interactions)
    if positives.is_empty():
        raise StepError(f"retrieval_model of {partition.key}: no positive event in {', '.join(interactions)}")
    known = catalogue_of(training_features, partition.day)
    words = vocabularies(positives, known)
    pairs = pairs_of(positives, training_features, words)
    from streamrec.training import train_towers

    weights, losses = train_towers(pairs, words, settings, seed_of(seed, partition), checkpoint)
    metrics = {f"loss_{epoch}": loss for epoch, loss in enumerate(losses)} | {"pairs": float(len(pairs.user))}
    return Model({**weights, **words.arrays()}, {"settings": settings, "seed": seed}, metrics)


def seed_of(seed: int, partition: Partition) -> int:
    """The seed of a partition's training: another one each day, the same one in every run of the day."""
    return int(np.random.SeedSequence([seed, partition.day.toordinal()]).generate_state(1)[0])


def vocabularies(positives: pl.DataFrame, catalogue: pl.DataFrame) -> Vocabularies:
    """Users and items with a positive event; categories of the whole catalogue."""
    categories = pl.concat([positives["category"], catalogue["category"]])
    items = pl.concat([positives["item_id"], catalogue["item_id"]])
    return Vocabularies(Vocabulary.of(positives["user_id"]), Vocabulary.of(items), Vocabulary.of(categories))


def pairs_of(positives: pl.DataFrame, features: pl.DataFrame, words: Vocabularies) -> Pairs:
    """The positive pairs as rows, each with the user's tastes before the pair's own day."""
    keys = positives.select("user_id", "as_of").unique(maintain_order=True)
    numbered = keys.with_row_index("taste")
    rows = positives.join(numbered, on=["user_id", "as_of"], how="left", maintain_order="left")
    return Pairs(
        user=words.users.rows(rows["user_id"]),
        item=words.items.rows(rows["item_id"]),
        category=words.categories.rows(rows["category"]),
        taste=rows["taste"].cast(pl.Int64).to_numpy(),
        tastes=tastes(features, keys, words.categories),
    )


def user_vectors(model: Model, users: pl.Series, shares: NDArray[np.float32]) -> NDArray[np.float32]:
    """The vectors of users (users x dimension) from ids and tastes, by numpy alone."""
    rows = Vocabularies.from_arrays(model.weights).users.rows(users)
    found: NDArray[np.float32] = model.weights["user"][rows] + shares @ model.weights["taste"]
    return found


def item_vectors(model: Model, catalogue: pl.DataFrame) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The vectors (items x dimension) and biases of a catalogue's items."""
    words = Vocabularies.from_arrays(model.weights)
    rows, categories = words.items.rows(catalogue["item_id"]), words.categories.rows(catalogue["category"])
    return model.weights["item"][rows] + model.weights["category"][categories], model.weights["bias"][rows, 0]
