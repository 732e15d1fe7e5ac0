"""StreamRec's two trainings on a week that was written before; importable in processes of steps."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from counterpoint.model import Output, OutputKind, Partitions, Pipeline, RetryPolicy, step, windowed

_DAYS = {"interactions": windowed("validated_interactions", "t-6..t-1")}
_AGAIN = RetryPolicy(1, timedelta(0))


@step(output=Output(OutputKind.TABLE))
def validated_interactions(partition, folder):
    return pl.read_parquet(f"{folder}/{partition.key}.parquet")


@step(output=Output(OutputKind.TABLE))
def training_features(folder):
    return pl.read_parquet(f"{folder}/features.parquet")


trainings = Pipeline(
    "trainings",
    (
        validated_interactions,
        training_features,
        *(
            step(f"streamrec.{name}:{name}_model", inputs=_DAYS, output=Output(OutputKind.MODEL), retry=_AGAIN)
            for name in ("retrieval", "ranking")
        ),
    ),
    Partitions(start="2026-01-01"),
    config={"folder": "", "seed": 7, "retrieval": {"epochs": 15}, "ranking": {"epochs": 60, "least_steps": 1}},
)
