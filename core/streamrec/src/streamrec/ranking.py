"""Ranking: a deep and cross network on what was known of user, item and taste before the day of the example.

Source: Wang et al., DCN V2: Improved Deep & Cross Network, WWW 2021 (cross layers with a full matrix, parallel to a
small multilayer perceptron).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from counterpoint.errors import StepError, UsageError
from counterpoint.storage import Model
from streamrec.encoding import Vocabulary
from streamrec.examples import catalogue_of, examples_of, with_negatives
from streamrec.retrieval import seed_of
from streamrec.schema import SUMS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from counterpoint.model import Partition
    from counterpoint.runtime.checkpoints import Checkpoint

    Floats = NDArray[np.float32]

DEFAULTS: dict[str, Any] = {
    "epochs": 2,
    "least_steps": 400,  # of the optimizer: few examples get more epochs, for two would leave the network as drawn
    "batch": 2048,
    "learning_rate": 0.003,
    "cross_layers": 2,
    "hidden": 64,
    "most_examples": 600_000,
}
_CONSTANT = 1e-3  # below this spread an input said nothing in training, and is not scaled up
_FARTHEST = np.float32(8.0)
ENTITIES = {"user": ["user_id"], "item": ["item_id"], "user_category": ["user_id", "category"]}


def settings_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of the model: the defaults with what is given.

    Raises:
        UsageError: there is no such setting.
    """
    unknown = sorted(set(given) - set(DEFAULTS))
    if unknown:
        raise UsageError(f"ranking: {unknown[0]!r} is no setting; there are {', '.join(DEFAULTS)}")
    return {**DEFAULTS, **given}


def ranking_model(
    training_features: pl.DataFrame,
    interactions: Mapping[str, pl.DataFrame],
    partition: Partition,
    ranking: Mapping[str, Any],
    seed: int,
    checkpoint: Checkpoint | None = None,
) -> Model:
    """Trains on the examples of the window's days that have a day before them in it.

    Bitwise equal for equal input: one thread, eager mode, all random numbers from `seed` and the partition; also when
    it goes on from the last epoch of a training that was killed, which it finds in `checkpoint`.

    Raises:
        StepError: no example is positive, or none negative.
    """
    settings = settings_of(ranking)
    chosen = training_examples(training_features, interactions, partition, settings["most_examples"], seed)
    labels = chosen["label"].to_numpy()
    if not labels.any() or labels.all():
        raise StepError(f"ranking_model of {partition.key}: all {len(labels)} examples have the same label")
    devices = Vocabulary.of(chosen["device"])
    raw = inputs_of(chosen, training_features, devices)
    mean, spread = raw.mean(axis=0), raw.std(axis=0)
    scale = np.where(spread < _CONSTANT, np.float32(1.0), spread)
    from streamrec.training import train_network

    weights, losses = train_network(
        normalised(raw, mean, scale), labels, settings, seed_of(seed, partition), checkpoint
    )
    metrics = {f"loss_{epoch}": loss for epoch, loss in enumerate(losses)} | {"examples": float(len(labels))}
    kept = {**weights, "mean": mean, "scale": scale, **devices.arrays("devices")}
    return Model(kept, {"settings": settings, "seed": seed}, metrics)


def training_examples(
    features: pl.DataFrame,
    interactions: Mapping[str, pl.DataFrame],
    partition: Partition,
    most: int,
    seed: int,
) -> pl.DataFrame:
    """The examples of all days but the window's first, which has no past; `most` of them at most."""
    days = [examples_of(events, day) for day, events in list(interactions.items())[1:] if len(events)]
    if not days:
        raise StepError(f"ranking_model of {partition.key}: no events in {', '.join(interactions)}")
    start = seed_of(seed, partition)
    found = with_negatives(pl.concat(days), catalogue_of(features, partition.day), start)
    if len(found) <= most:
        return found
    kept = np.random.Generator(np.random.PCG64(start)).random(len(found)) < most / len(found)
    return found.filter(pl.Series(kept))


def inputs_of(examples: pl.DataFrame, features: pl.DataFrame, devices: Vocabulary) -> Floats:
    """The inputs of each example (examples x inputs): log1p of sums before its day, rates, and its device."""
    joined = examples.select("user_id", "item_id", "category", "device", "as_of")
    for entity, keys in ENTITIES.items():
        past = features.filter(pl.col("entity") == entity).select(
            *keys, "as_of", *(pl.col(name).alias(f"{entity}.{name}") for name in SUMS)
        )
        joined = joined.join(past, on=[*keys, "as_of"], how="left", maintain_order="left")
    # an entity without a past has no row, which means nothing happened: zero, not unknown
    sums = [f"{entity}.{name}" for entity in ENTITIES for name in SUMS]
    filled = joined.select(pl.col(sums).fill_null(0).cast(pl.Float64))
    rates = [_rate(entity).alias(f"{entity}.rate") for entity in ENTITIES]
    table = filled.select(pl.col(sums).log1p(), *rates).to_numpy().astype(np.float32)
    one_hot = np.eye(len(devices), dtype=np.float32)[devices.rows(joined["device"])]
    return np.concatenate([table, one_hot], axis=1)


def normalised(raw: Floats, mean: Floats, scale: Floats) -> Floats:
    """The inputs by the mean and spread of training; what training hardly saw (a new device) is kept in bounds."""
    found: Floats = np.clip((raw - mean) / scale, -_FARTHEST, _FARTHEST)
    return found


def _rate(entity: str) -> pl.Expr:
    """The share of events that were positive, drawn towards one in ten while there are few."""
    positive = pl.sum_horizontal(f"{entity}.{name}" for name in ("plays", "completes", "likes"))
    return (positive + 1.0) / (positive + pl.col(f"{entity}.impressions") + 10.0)


def scores_of(model: Model, examples: pl.DataFrame, features: pl.DataFrame) -> NDArray[np.float64]:
    """The logits of examples, by numpy alone: the same network as `training.Network`."""
    weights = model.weights
    raw = inputs_of(examples, features, Vocabulary.from_arrays("devices", weights))
    first = normalised(raw, weights["mean"], weights["scale"]).astype(np.float64)
    crossed = first
    for layer in range(int(model.parameters["settings"]["cross_layers"])):
        mixed = crossed @ weights[f"cross.{layer}.weight"].astype(np.float64).T + weights[f"cross.{layer}.bias"]
        crossed = first * mixed + crossed
    hidden = first
    for name in ("deep.0", "deep.2"):
        hidden = np.maximum(hidden @ weights[f"{name}.weight"].astype(np.float64).T + weights[f"{name}.bias"], 0.0)
    both = np.concatenate([crossed, hidden], axis=1)
    out: NDArray[np.float64] = (both @ weights["out.weight"].astype(np.float64).T + weights["out.bias"])[:, 0]
    return np.round(out, 9)
