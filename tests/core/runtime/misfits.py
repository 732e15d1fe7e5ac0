"""Steps that return what everybody returns first, and one that lacks a variable of its environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl

from counterpoint.model import Output, OutputKind, Pipeline, step
from counterpoint.storage import Model


@dataclass
class Score:
    auc: float


K = OutputKind
RETURNED = {
    "estimator": (K.MODEL, object()),
    "object_weights": (K.MODEL, Model({"w": np.array([None])}, {})),
    "nan_parameter": (K.MODEL, Model({"w": np.array([1.0])}, {"rate": float("nan")})),
    "frame": (K.TABLE, pd.DataFrame({"a": [1, 2]}, index=[3, 5])),
    "series": (K.TABLE, pl.Series("a", [1])),
    "rows": (K.TABLE, [{"a": 1}]),
    "moment": (K.VALUE, {"when": datetime(2026, 1, 1, tzinfo=UTC)}),
    "deep": (K.VALUE, {"a": [1, {"b": {2, 3}}]}),
    "money": (K.VALUE, [Decimal(1)]),
    "keyed": (K.VALUE, {(1, 2): 3}),
    "number": (K.METRICS, {"n": np.int64(3)}),
    "single": (K.METRICS, {"n": np.float32(3)}),
    "array": (K.METRICS, {"curve": np.array([1.0])}),
    "nan": (K.METRICS, {"auc": float("nan")}),
    "no_dict": (K.METRICS, 0.5),
    "score": (K.VALUE, Score(0.5)),
    "fine": (K.METRICS, {"auc": np.float64(0.5), "n": 3, "none": None, "parts": (1, "a")}),
}


def returns(name):
    return RETURNED[name][1]


def reads_token():
    return os.environ["COUNTERPOINT_TEST_TOKEN"]


def reads_key():
    return {"a": 1}["COUNTERPOINT_TEST_TOKEN"]


for _name, (_kind, _) in RETURNED.items():
    globals()[_name] = Pipeline(
        _name, (step("misfits:returns", name="made", output=Output(_kind)),), config={"name": _name}
    )
env = Pipeline("env", (step("misfits:reads_token", name="token"), step("misfits:reads_key", name="key")))
