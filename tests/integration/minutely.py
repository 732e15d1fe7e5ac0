"""A pipeline that its schedule starts every minute, and that tells by what it goes."""

from __future__ import annotations

import os

from counterpoint.model import PartitionKind, Partitions, Pipeline, Schedule, step


@step(secrets=("api_key",))
def seen(api_key, word):
    print("the key is", api_key)  # noqa: T201 - what a user may do
    names = ("MINUTELY_GREETING", "MLFLOW_TRACKING_URI", "COUNTERPOINT_ENV")
    return {"length": len(api_key), "word": word, **{name: os.environ.get(name) for name in names}}


minutely = Pipeline(
    "minutely",
    (seen,),
    Partitions(PartitionKind.HOURLY, "2026-01-01T00"),
    config={"word": "default"},
    schedule=Schedule("* * * * *"),
)
