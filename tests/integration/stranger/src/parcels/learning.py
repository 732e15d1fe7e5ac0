"""Gradient boosting by stumps, small enough to read."""

import numpy as np

from counterpoint.storage import Model

COLUMNS = ("weight", "quick", "change")


def _inputs(features):
    return features.select(COLUMNS).to_numpy().astype(float), features["hours_late"].to_numpy()


def _stump(x, rest):
    best = (np.inf, 0, 0.0, 0.0, 0.0)
    for column in range(x.shape[1]):
        for at in np.unique(x[:, column])[:-1]:
            under = x[:, column] <= at
            low, high = rest[under].mean(), rest[~under].mean()
            loss = float(((rest - np.where(under, low, high)) ** 2).sum())
            best = min(best, (loss, column, float(at), float(low), float(high)))
    return best[1:]


def model(features, rounds) -> Model:
    x, y = _inputs(features)
    rest, stumps = y - y.mean(), []
    for _ in range(rounds):
        column, at, low, high = _stump(x, rest)
        stumps.append((column, at, low / 2, high / 2))
        rest = rest - np.where(x[:, column] <= at, low, high) / 2
    return Model({"stumps": np.array(stumps), "mean": np.array([y.mean()])}, {"columns": list(COLUMNS)})


def evaluation(model, features) -> dict:
    x, y = _inputs(features)
    guess = np.full(len(y), model.weights["mean"][0])
    for column, at, low, high in model.weights["stumps"]:
        guess = guess + np.where(x[:, int(column)] <= at, low, high)
    return {"mae": float(abs(y - guess).mean()), "baseline": float(abs(y - y.mean()).mean())}


def gate(evaluation, bar) -> str:
    return "publish" if evaluation["mae"] < bar * evaluation["baseline"] else "hold"


def published(evaluation) -> float:
    return round(evaluation["mae"], 6)


def held(evaluation) -> float:
    return round(evaluation["baseline"], 6)


def by_region(region, features) -> float:
    import polars as pl

    return round(features.filter(pl.col("region") == region)["hours_late"].sum(), 6)
