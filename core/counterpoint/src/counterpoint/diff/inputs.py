"""How what two runs read differs: rows, schema and the distribution of each column."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl

from counterpoint.diff.delta import open_delta, rows_of
from counterpoint.diff.drift import ColumnDrift, drift_of
from counterpoint.errors import CounterpointError
from counterpoint.model import ArtifactRef, OutputKind
from counterpoint.runtime.registry import find_pipeline
from counterpoint.storage import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class InputDiff:
    """A table that steps of both runs read, over all partitions that they read.

    `step` is `pipeline.step` where another pipeline made it. `partitions` are those with another content, `columns` how
    far each column moved; None with a `note` where the content is not there any more. `runs` are those that made the
    partitions with another content, on each side.
    """

    step: str
    partitions: Mapping[str, Sequence[str]]
    rows: Mapping[str, int]
    schema: Mapping[str, Any]
    columns: Sequence[ColumnDrift] | None
    note: str | None = None
    runs: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def to_dict(self) -> Json:
        """As JSON values."""
        return {
            "step": self.step,
            "partitions": {name: list(keys) for name, keys in self.partitions.items()},
            "rows": dict(self.rows),
            "schema": dict(self.schema),
            "columns": None if self.columns is None else [column.to_dict() for column in self.columns],
            "note": self.note,
            "runs": {side: list(names) for side, names in self.runs.items()},
        }


@dataclass(frozen=True, slots=True)
class _Read:
    """The partitions of a step that a run read; `store` is called when they have to be read again."""

    store: Callable[[], Store]
    step: str
    partitions: dict[str, Json]

    @property
    def digests(self) -> dict[str, str]:
        return {key: output["digest"] for key, output in self.partitions.items()}

    def runs(self, keys: Iterable[str]) -> list[str]:
        """The runs that made some partitions, each once."""
        return list(dict.fromkeys(self.partitions[key]["run_id"] for key in keys if key in self.partitions))


def input_changes(stores: Sequence[Store], lineages: Sequence[Json]) -> list[InputDiff]:
    """The tables that steps read and whose content differs between two runs; equal digests are never read."""
    left, right = (_tables(store, lineage) for store, lineage in zip(stores, lineages, strict=True))
    return [
        _compared(name, left[name], right[name])
        for name in left
        if name in right and left[name].digests != right[name].digests
    ]


def _tables(store: Store, lineage: Json) -> dict[str, _Read]:
    """What a run's steps read, by step; of tables alone."""
    reads: dict[str, _Read] = {}
    for step in store.pipeline.steps:
        for each in step.inputs:
            if store.pipeline.step(each.step).output.kind is not OutputKind.TABLE:
                continue
            keys = reads.setdefault(each.step, _Read(lambda: store, each.step, {})).partitions
            if each.window is not None:
                keys.update(lineage["inputs"].get(each.step, {}))
            if (each.window is None or each.window.last == 0) and each.step in lineage["outputs"]:
                keys[lineage["partition"]] = lineage["outputs"][each.step]
    for parameters in lineage.get("external_inputs", {}).values():
        for external in parameters.values():
            name, opened = f"{external['pipeline']}.{external['step']}", partial(_other, store, external["pipeline"])
            tables = {
                key: out for key, out in external["partitions"].items() if out and out["kind"] == OutputKind.TABLE
            }
            reads.setdefault(name, _Read(opened, external["step"], {})).partitions.update(tables)
    return {name: read for name, read in reads.items() if read.partitions}


def _other(store: Store, pipeline: str) -> Store:
    return Store(store.root, find_pipeline(pipeline))


def _compared(name: str, left: _Read, right: _Read) -> InputDiff:
    digests = [left.digests, right.digests]
    partitions = {
        "changed": [key for key in digests[0] if key in digests[1] and digests[0][key] != digests[1][key]],
        "only_left": [key for key in digests[0] if key not in digests[1]],
        "only_right": [key for key in digests[1] if key not in digests[0]],
    }
    runs = {side: read.runs([*partitions["changed"], *partitions[f"only_{side}"]])
            for side, read in (("left", left), ("right", right))}  # fmt: skip
    rows = {
        side: sum(each["rows"] or 0 for each in read.partitions.values())
        for side, read in (("left", left), ("right", right))
    }
    try:
        frames = [_frame(read) for read in (left, right)]
        schemas = [frame.collect_schema() for frame in frames]
        return InputDiff(name, partitions, rows, _schema(*schemas), drift_of(*frames), runs=runs)
    except (CounterpointError, pl.exceptions.PolarsError, OSError) as error:
        note = f"cannot be read any more: {error}"
        return InputDiff(name, partitions, rows, _schema({}, {}), None, note, runs)


def _schema(left: Mapping[str, Any], right: Mapping[str, Any]) -> Json:
    types = [name for name in left if name in right and left[name] != right[name]]
    return {
        "only_left": [name for name in left if name not in right],
        "only_right": [name for name in right if name not in left],
        "types": [{"name": name, "left": str(left[name]), "right": str(right[name])} for name in types],
    }


def _frame(read: _Read) -> pl.LazyFrame:
    """All partitions of a table as they were read, one below another."""
    store, name = read.store(), read.step
    step, kind = store.pipeline.step(name), store.pipeline.partitions.kind.value
    frames = []
    for key, output in read.partitions.items():
        reference = ArtifactRef(
            name, key, OutputKind.TABLE, output["uri"], output["table_version"], output["rows"], 0, output["digest"]
        )
        uri, where = store.place(reference), (kind, key) if step.output.partitioned else None
        frames.append(rows_of(open_delta(uri, reference.table_version), uri, where))
    return pl.concat(frames, how="diagonal_relaxed")
