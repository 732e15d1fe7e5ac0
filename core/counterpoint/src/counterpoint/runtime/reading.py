"""Reading published outputs, checked against their digests: the implementation of `counterpoint.read`."""

from __future__ import annotations

import os
from datetime import date
from typing import TYPE_CHECKING, Any

from counterpoint.errors import UsageError
from counterpoint.model import PRODUCTION, OutputKind, RunRequest
from counterpoint.runtime.context import StepContext
from counterpoint.runtime.inputs import standing_entries
from counterpoint.runtime.registry import find_pipeline

if TYPE_CHECKING:
    from collections.abc import Iterable

    from counterpoint.model import Pipeline

Days = str | date
DEFAULT_ROOT = "counterpoint-data"


def read_output(name: str, days: Days | Iterable[Days] | None, root: str | None, version: str = PRODUCTION) -> Any:
    """The published outputs of a step; see `counterpoint.read`."""
    from counterpoint.storage import Store

    pipeline_name, _, step = name.rpartition(".")
    if not pipeline_name:
        raise UsageError(f"{name!r} names no step: write PIPELINE.STEP, as in 'streamrec.training_features'")
    pipeline = find_pipeline(pipeline_name)
    place = root or os.environ.get("COUNTERPOINT_ROOT") or DEFAULT_ROOT
    store = Store(place, pipeline, version)
    keys = sorted({key.partition(".")[0] for key in store.entries(step)}) if days is None else _keys(pipeline, days)
    values: dict[str, list[Any]] = {}
    for key in keys:
        context = StepContext(
            RunRequest(pipeline_name, key, "", store.root, version=version), pipeline, pipeline.step(step), store
        )
        values[key] = [context.read(entry.reference) for entry in standing_entries(context)]
    missing = [key for key in keys if not values[key]] if keys else ["any day"]
    if missing:
        raise UsageError(f"{name} does not stand in {version} below {place} for {', '.join(missing)}: run it first")
    return _together(pipeline, step, values, is_one=isinstance(days, str | date) and len(keys) == 1)


def _keys(pipeline: Pipeline, days: Days | Iterable[Days]) -> list[str]:
    """The partitions of one day, of a range written `A..B`, or of several days."""
    entries = [days] if isinstance(days, str | date) else list(days)
    keys: list[str] = []
    for day in entries:
        first, mark, last = str(day).partition("..")
        for key in (first, last) if mark else (first,):
            pipeline.partitions.partition(key)
        keys += pipeline.partitions.range(first, last) if mark else (first,)
    return list(dict.fromkeys(keys))


def _together(pipeline: Pipeline, name: str, found: dict[str, list[Any]], *, is_one: bool) -> Any:
    """For tables, one frame with the partition as a column; for other outputs the value, or one value per partition."""
    step = pipeline.step(name)
    if step.output.kind is OutputKind.TABLE:
        import polars as pl

        column = pipeline.partitions.kind.value
        frames = [f.with_columns(pl.lit(key).alias(column)) for key, several in found.items() for f in several]
        return pl.concat(frames, how="diagonal_relaxed")
    values = {key: several if step.map_over else several[0] for key, several in found.items()}
    return next(iter(values.values())) if is_one else values
