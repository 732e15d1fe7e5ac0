"""A pipeline with an output of every kind, for versions and runs that are made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from counterpoint.model import (
    PRODUCTION,
    ArtifactRef,
    Materialization,
    Output,
    OutputKind,
    Pipeline,
    RunRecord,
    Status,
    Step,
)
from counterpoint.model import StepRecord as Made
from counterpoint.storage import Model, Store

ROWS, WHOLE, MODEL, METRICS = (
    Step(name, "orchard:unused", output=output)
    for name, output in (
        ("rows", Output(OutputKind.TABLE)),
        ("whole", Output(OutputKind.TABLE, partitioned=False)),
        ("model", Output(OutputKind.MODEL)),
        ("metrics", Output(OutputKind.METRICS)),
    )
)
PIPELINE = Pipeline("orchard", (ROWS, WHOLE, MODEL, METRICS))
DAYS = ("2026-01-01", "2026-01-02", "2026-01-03")


def store(root: object, version: str = PRODUCTION) -> Store:
    return Store(str(root), PIPELINE, version)


def apples(*weights: float) -> pl.DataFrame:
    return pl.DataFrame({"tree": [f"t{number}" for number in range(len(weights))], "weight": weights})


def model(*weights: float) -> Model:
    return Model({"w": np.asarray(weights, np.float32)}, {"depth": 1}, {"loss": 0.5})


def publish(at: Store, step: Step, day: str, value: Any) -> ArtifactRef:
    """Writes an output and makes it the one that stands."""
    made = at.write(step, day, value, "0123456789abcdef")
    at.publish(Materialization(made, "f", {}, "0123456789abcdef", "code", "run"))
    return made


def day_of(at: Store, day: str, *weights: float) -> list[ArtifactRef]:
    """All outputs of a day."""
    values = (
        (ROWS, apples(*weights)),
        (WHOLE, apples(1.0)),
        (MODEL, model(*weights)),
        (METRICS, {"sum": sum(weights)}),
    )
    return [publish(at, step, day, value) for step, value in values]


def record(at: Store, run_id: str, day: str, outputs: list[ArtifactRef]) -> None:
    """The record of a run that made some outputs."""
    steps = tuple(Made(output.step, Status.SUCCESS, 1, output=output) for output in outputs)
    name = "orchard:PIPELINE"
    made = RunRecord(run_id, name, "local", "", day, at.version, Status.SUCCESS, None, None, steps)
    at.put_json(f"runs/orchard/{run_id}/run.json", made.to_dict())
