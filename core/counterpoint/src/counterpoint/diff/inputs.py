"""How what two runs read differs: rows, schema and the distribution of each column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from counterpoint.diff.delta import open_delta, rows_of
from counterpoint.diff.drift import ColumnDrift, drift_of
from counterpoint.errors import CounterpointError, UsageError
from counterpoint.model import ArtifactRef, OutputKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from counterpoint.storage import Store

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class InputDiff:
    """A table that steps of both runs read, over all partitions that they read.

    `partitions` are those with another content, `columns` how far each column moved; None with a `note` where the
    content is not there any more.
    """

    step: str
    partitions: Mapping[str, Sequence[str]]
    rows: Mapping[str, int]
    schema: Mapping[str, Any]
    columns: Sequence[ColumnDrift] | None
    note: str | None = None

    def to_dict(self) -> Json:
        """As JSON values."""
        return {
            "step": self.step,
            "partitions": {name: list(keys) for name, keys in self.partitions.items()},
            "rows": dict(self.rows),
            "schema": dict(self.schema),
            "columns": None if self.columns is None else [column.to_dict() for column in self.columns],
            "note": self.note,
        }


def input_changes(stores: Sequence[Store], lineages: Sequence[Json]) -> list[InputDiff]:
    """The tables that steps read and whose content differs between two runs; equal digests are never read."""
    reads = [_tables(store, lineage) for store, lineage in zip(stores, lineages, strict=True)]
    return [
        _compared(stores, name, reads[0][name], reads[1][name])
        for name in reads[0]
        if name in reads[1] and _digests(reads[0][name]) != _digests(reads[1][name])
    ]


def _tables(store: Store, lineage: Json) -> dict[str, dict[str, Json]]:
    """What a run's steps read, by step and partition; of tables alone."""
    reads: dict[str, dict[str, Json]] = {}
    for step in store.pipeline.steps:
        for each in step.inputs:
            if store.pipeline.step(each.step).output.kind is not OutputKind.TABLE:
                continue
            keys = reads.setdefault(each.step, {})
            if each.window is not None:
                keys.update(lineage["inputs"].get(each.step, {}))
            if (each.window is None or each.window.last == 0) and each.step in lineage["outputs"]:
                keys[lineage["partition"]] = lineage["outputs"][each.step]
    return {name: keys for name, keys in reads.items() if keys}


def _digests(partitions: Mapping[str, Json]) -> dict[str, str]:
    return {key: output["digest"] for key, output in partitions.items()}


def _compared(stores: Sequence[Store], name: str, left: dict[str, Json], right: dict[str, Json]) -> InputDiff:
    digests = [_digests(left), _digests(right)]
    partitions = {
        "changed": [key for key in digests[0] if key in digests[1] and digests[0][key] != digests[1][key]],
        "only_left": [key for key in digests[0] if key not in digests[1]],
        "only_right": [key for key in digests[1] if key not in digests[0]],
    }
    rows = {side: sum(each["rows"] or 0 for each in read.values()) for side, read in (("left", left), ("right", right))}
    try:
        frames = [_frame(store, name, read) for store, read in zip(stores, (left, right), strict=True)]
        schemas = [frame.collect_schema() for frame in frames]
        return InputDiff(name, partitions, rows, _schema(*schemas), drift_of(*frames))
    except (CounterpointError, pl.exceptions.PolarsError, OSError) as error:
        return InputDiff(name, partitions, rows, _schema({}, {}), None, f"cannot be read any more: {error}")


def _schema(left: Mapping[str, Any], right: Mapping[str, Any]) -> Json:
    types = [name for name in left if name in right and left[name] != right[name]]
    return {
        "only_left": [name for name in left if name not in right],
        "only_right": [name for name in right if name not in left],
        "types": [{"name": name, "left": str(left[name]), "right": str(right[name])} for name in types],
    }


def _frame(store: Store, name: str, partitions: Mapping[str, Json]) -> pl.LazyFrame:
    """All partitions of a table as they were read, one below another."""
    step, kind = store.pipeline.step(name), store.pipeline.partitions.kind.value
    if not partitions:
        raise UsageError(f"no partition of {name} was read")
    frames = []
    for key, output in partitions.items():
        reference = ArtifactRef(
            name, key, OutputKind.TABLE, output["uri"], output["table_version"], output["rows"], 0, output["digest"]
        )
        uri, where = store.place(reference), (kind, key) if step.output.partitioned else None
        frames.append(rows_of(open_delta(uri, reference.table_version), uri, where))
    return pl.concat(frames, how="diagonal_relaxed")
