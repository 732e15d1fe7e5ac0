"""A pipeline of steps of known duration, with a window and a pool. It imports little, as pipelines should."""

from __future__ import annotations

import os
import time

from counterpoint.model import Output, OutputKind, Partitions, Pipeline, Pool, step, windowed

_SECONDS = {"raw": 2.0, "checked": 1.0, "features": 3.0, "model": 6.0, "score": 1.0}
# of the sleeps, for who measures what is beside them
PACE = float(os.environ.get("SLEEPING_PACE", "1"))
SECONDS = {step: PACE * seconds for step, seconds in _SECONDS.items()}
WINDOW = 7


def raw(partition):  # noqa: ANN001, ANN201 - a step
    """Two seconds."""
    time.sleep(SECONDS["raw"])
    return partition.day.day


def checked(raw):  # noqa: ANN001, ANN201 - a step
    """One second."""
    time.sleep(SECONDS["checked"])
    return raw


def features(days):  # noqa: ANN001, ANN201 - a step
    """Three seconds, over a week."""
    time.sleep(SECONDS["features"])
    return sum(days.values())


def model(features):  # noqa: ANN001, ANN201 - a step
    """Six seconds."""
    time.sleep(SECONDS["model"])
    return features


def score(model):  # noqa: ANN001, ANN201 - a step
    """One second."""
    time.sleep(SECONDS["score"])
    return model


VALUE = Output(OutputKind.VALUE)
pipeline = Pipeline(
    "sleeping",
    (
        step("sleeping_steps:raw", output=VALUE),
        step("sleeping_steps:checked", output=VALUE),
        step("sleeping_steps:features", inputs={"days": windowed("checked", f"t-{WINDOW - 1}..t")}, output=VALUE),
        step("sleeping_steps:model", output=VALUE, pool="gpu"),
        step("sleeping_steps:score", output=VALUE),
    ),
    Partitions(start="2020-01-01"),
    pools=(Pool("gpu", 2),),
)
