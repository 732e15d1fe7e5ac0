"""A pipeline whose model reads a window of a table, for runs with lineage that are made by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from counterpoint.lineage import gather, keep
from counterpoint.model import (
    Input,
    Materialization,
    Output,
    OutputKind,
    Pipeline,
    RunRecord,
    RunRequest,
    Status,
    Step,
    StepRecord,
    Window,
)
from counterpoint.storage import Store

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

TREES = Step("trees", "grove:unused", output=Output(OutputKind.TABLE))
SUM = Step("sum", "grove:unused", inputs=(Input("trees", "trees", Window(-1)),), output=Output(OutputKind.METRICS))
PIPELINE = Pipeline("grove", (TREES, SUM), config={"rate": 1, "password": "none"})
HASH = "0123456789abcdef"


def unused() -> None:
    """What every step refers to; nothing here runs."""


def run(root: str, run_id: str, days: Mapping[str, pl.DataFrame], total: float, **changed: Any) -> None:
    """Leaves a run of the last day: its record, and its lineage with some fields changed."""
    config = changed.pop("config", {})
    pipeline = PIPELINE.configured(config)
    store, day = Store(root, pipeline), max(days)
    outputs = []
    for key, frame in days.items():
        outputs.append(publish(store, TREES, key, frame))
    outputs.append(publish(store, SUM, day, {"total": total}))
    request = RunRequest("grove:PIPELINE", day, run_id, root, config=config)
    steps = tuple(
        StepRecord(output.step, Status.SUCCESS, 1, output=output, metrics={"total": total} if number else {})
        for number, output in enumerate(outputs[-2:])
    )
    record = RunRecord(run_id, request.pipeline, "local", "", day, store.version, Status.SUCCESS, None, None, steps)
    store.put_json(f"runs/grove/{run_id}/run.json", record.to_dict())
    if changed.pop("lineage", True):
        keep(store, pipeline, request, replace(gather(store, pipeline, request), **changed))


def publish(store: Store, step: Step, day: str, value: Any) -> Any:
    reference = store.write(step, day, value, HASH)
    store.publish(Materialization(reference, "f", {}, HASH, "code", "run"))
    return reference
