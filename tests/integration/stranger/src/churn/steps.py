"""Pure functions of pandas frames; the model is a pipeline of scikit-learn with a transformer of the team's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from churn.spread import Spread
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

from counterpoint.model import Decision

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

FEATURES = ["plan", "visits"]


def customers(partition, size: int) -> pd.DataFrame:
    draw = np.random.default_rng(int(partition.key.replace("-", "")))
    visits = draw.integers(0, 30, size)
    frame = pd.DataFrame({"plan": draw.choice(["basic", "plus"], size), "visits": visits, "left": visits < 9})
    return frame.set_index(pd.RangeIndex(size, name="customer"))


def active(customers: pa.Table) -> pa.Table:
    return customers.filter(customers["visits"].to_numpy() > 0)


def classifier(active: pd.DataFrame) -> Pipeline:
    columns = make_column_transformer((OneHotEncoder(), ["plan"]), (Spread(), ["visits"]))
    return make_pipeline(columns, LogisticRegression()).fit(active[FEATURES], active["left"])


def accuracy(classifier: Pipeline, customers: pd.DataFrame) -> dict[str, float]:
    return {"accuracy": float(classifier.score(customers[FEATURES], customers["left"]))}


def gate(classifier: Pipeline, accuracy: Mapping[str, float]) -> list[Decision]:
    stage = "production" if accuracy["accuracy"] > 0.8 else "hold"
    return [Decision("churn", "classifier", stage, "its accuracy", accuracy, {})]
