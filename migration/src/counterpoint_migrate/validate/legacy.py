"""A side with existing outputs: tables, models and JSON values that a DAG has written anywhere."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from counterpoint.diff import TablePlace
from counterpoint.diff.delta import open_delta, place_of_file, rows_of
from counterpoint.diff.fitting import alone
from counterpoint.diff.report import plain
from counterpoint.diff.sources import is_delta, open_source, readable
from counterpoint.errors import StepError, UsageError
from counterpoint.storage import Model, content_digest, json_digest, model_digest
from counterpoint.storage.models import decode
from counterpoint.storage.objects import Objects
from counterpoint.storage.tables import files_of
from counterpoint_migrate.validate.data_sides import MODEL, TABLE, VALUE, Output

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deltalake import DeltaTable

    from counterpoint.model import Partition, Pipeline
    from counterpoint_migrate.validate.legacyfile import Spec

_WEIGHTS, _DESCRIBED = "weights.safetensors", "model.json"


@dataclass(frozen=True)
class LegacySide:
    """The outputs that a legacy file describes; `base` is the folder of that file, for relative paths."""

    name: str
    pipeline: Pipeline
    file: str
    base: Path
    values: Mapping[str, Any]
    specs: Mapping[str, Spec]
    _opened: dict[str, DeltaTable | None] = field(default_factory=dict, compare=False, repr=False)

    def gives(self, step: str) -> str | None:
        """The reason why a step is not compared: the file does not describe it."""
        return None if step in self.specs else f"{self.file} has no [steps.{step}]"

    def place(self, step: str, date: str) -> str:
        """The place of the output of a step and date."""
        spec, partition = self.specs[step], self.pipeline.partitions.partition(date)
        place = spec.place(self.base, partition)
        return f"{place} where {spec.where[0]} = {spec.key_of(partition)}" if spec.where else place

    def output(self, step: str, date: str) -> Output | None:
        """The existing output of a step and date.

        Raises:
            UsageError: the output cannot be read, or is not as the file says.
        """
        spec, partition = self.specs[step], self.pipeline.partitions.partition(date)
        place = spec.place(self.base, partition)
        if spec.kind == TABLE:
            return self._table(spec, partition, place)
        with readable(f"{step} of {date} at {place}"):
            return self._model(spec, date, place) if spec.kind == MODEL else self._value(spec, date, place)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "sort": "legacy",
            "name": self.name,
            "pipeline": self.pipeline.name,
            "file": self.file,
            "base": str(self.base),
            "values": self.values,
        }

    def _table(self, spec: Spec, partition: Partition, place: str) -> Output | None:
        delta = self._delta(place) if spec.form == "table" else None
        output_name = f"{spec.step} of {partition.key} at {place}"
        with readable(output_name):
            if delta is None and not _is_there(place):
                return None
            texts: frozenset[str] = frozenset()
            if delta:
                rows, files, stored = _delta_rows(delta, place, spec, partition)
            else:
                rows, files, texts = _file_rows(place, spec, partition)
                stored = True
            rows = _fitted(rows, spec, output_name)
            texts = frozenset(spec.rename.get(name, name) for name in texts).intersection(rows.collect_schema())
            frame = rows.collect(engine="streaming")
            try:
                digest = content_digest(frame)
            except StepError as error:
                raise UsageError(f"{output_name}: {error}; or leave the column out by drop = [...]") from error
        facts = {**_facts(files, frame.height), "table_version": delta.version() if delta else None}
        return Output(spec.step, partition.key, TABLE, digest, place, lambda: rows, facts, stored=stored, texts=texts)

    def _delta(self, place: str) -> DeltaTable | None:
        """The Delta table at a place, opened once, so that all dates are read from one version."""
        if place not in self._opened:
            self._opened[place] = open_delta(place) if is_delta(place) else None
        return self._opened[place]

    def _model(self, spec: Spec, date: str, place: str) -> Output | None:
        is_weights_only = place.endswith(".safetensors")
        weights = _bytes(place if is_weights_only else f"{place}/{_WEIGHTS}")
        if weights is None:
            return None
        description = None if is_weights_only else _bytes(f"{place}/{_DESCRIBED}")
        model = decode(weights, description or b'{"parameters": {}, "metrics": {}}')
        names = [place] if is_weights_only else [f"{place}/{name}" for name in (_WEIGHTS, _DESCRIBED)]
        facts = {**_facts(names, None), "table_version": None}
        return Output(
            spec.step, date, MODEL, _model_digest(model), place, lambda: model, facts, whole=description is not None
        )

    def _value(self, spec: Spec, date: str, place: str) -> Output | None:
        data = _bytes(place)
        if data is None:
            return None
        try:
            value = json.loads(data)
        except ValueError as error:
            raise UsageError(f"{spec.step} of {date}: {place} is no JSON: {error}") from error
        facts = {**_facts([place], None), "table_version": None}
        # plain() handles NaN and infinity, which JSON does not have but some writers produce
        return Output(spec.step, date, VALUE, json_digest(plain(value)), place, lambda: value, facts)


def _model_digest(model: Model) -> str:
    return model_digest(Model(model.weights, plain(dict(model.parameters)), plain(dict(model.metrics))))


def _is_there(place: str) -> bool:
    """Whether a file or a folder exists."""
    if "://" not in place:
        return Path(place).exists()
    root, _, name = place.rpartition("/")
    return Objects(root).exists(name) or bool(Objects(root).list(name))


def _bytes(place: str) -> bytes | None:
    if "://" in place:
        root, _, name = place.rpartition("/")
        return Objects(root).get(name)
    return Path(place).read_bytes() if Path(place).is_file() else None


def _delta_rows(table: DeltaTable, uri: str, spec: Spec, partition: Partition) -> tuple[pl.LazyFrame, list[str], bool]:
    """The rows of a date, their files, and whether there are any."""
    files = files_of(table)
    if spec.where is None:
        return rows_of(table, uri), [place_of_file(uri, path) for path in files["path"]], True
    column, key = spec.where[0], spec.key_of(partition)
    kinds = pl.DataFrame(table.schema().to_arrow().empty_table()).schema
    if column in table.metadata().partition_columns and kinds[column] == pl.String:
        partition_files = files.filter(pl.col(f"partition.{column}") == key) if not files.is_empty() else files
        return (
            rows_of(table, uri, (column, key)),
            [place_of_file(uri, path) for path in partition_files["path"]],
            not partition_files.is_empty(),
        )
    rows = _where(rows_of(table, uri), spec, partition, uri)
    return rows, [place_of_file(uri, path) for path in files["path"]], True


def _file_rows(place: str, spec: Spec, partition: Partition) -> tuple[pl.LazyFrame, list[str], frozenset[str]]:
    """The rows of a date, their files, and the columns that are texts until the other side is known."""
    source = open_source(TablePlace(place), csv=spec.csv)
    rows = source.rows
    if spec.where and spec.where[0] in source.texts:
        rows = alone(rows, spec.where[0])
    rows = _where(rows, spec, partition, place) if spec.where else rows
    return rows, list(source.parts), source.texts


def _where(rows: pl.LazyFrame, spec: Spec, partition: Partition, place: str) -> pl.LazyFrame:
    """The rows of a date, selected by the column of dates, without that column."""
    assert spec.where is not None  # noqa: S101 - checked by the caller
    column = spec.where[0]
    kinds = rows.collect_schema()
    if column not in kinds:
        raise UsageError(f"{place} has no column {column!r}, which where names: it has {', '.join(kinds)}")
    if not kinds[column].is_temporal():
        return rows.filter(pl.col(column).cast(pl.String) == spec.key_of(partition)).drop(column)
    zone = getattr(kinds[column], "time_zone", None)
    moment = pl.col(column).dt.convert_time_zone("UTC").dt.replace_time_zone(None) if zone else pl.col(column)
    first, end = (pl.lit(edge.replace(tzinfo=None)) for edge in (partition.start, partition.end))
    return rows.filter(moment.cast(pl.Datetime("us")).is_between(first, end, closed="left")).drop(column)


def _fitted(rows: pl.LazyFrame, spec: Spec, output_name: str) -> pl.LazyFrame:
    """The rows with the compared columns, by their new names."""
    names = rows.collect_schema().names()
    for column in (*spec.rename, *spec.drop):
        if column not in names:
            word = "rename" if column in spec.rename else "drop"
            raise UsageError(f"{output_name} has no column {column!r}, which {word} names: it has {', '.join(names)}")
    kept_names = [spec.rename.get(name, name) for name in names if name not in spec.drop]
    duplicate_names = sorted({name for name in kept_names if kept_names.count(name) > 1})
    if duplicate_names:
        raise UsageError(
            f"{output_name} has two columns {duplicate_names[0]!r} after rename: drop one, or rename it otherwise"
        )
    return rows.drop(spec.drop).rename(dict(spec.rename))


def _facts(files: Sequence[str], rows: int | None) -> dict[str, Any]:
    """Facts about files: their paths, and for files on this machine the size in bytes and the sha256."""
    file_facts = [_file(file) for file in files if "://" in file or Path(file).is_file()]
    sizes = [file_fact["bytes"] for file_fact in file_facts]
    return {"rows": rows, "bytes": None if None in sizes else sum(sizes), "files": file_facts}


def _file(path: str) -> dict[str, Any]:
    if "://" in path:
        return {"path": path, "bytes": None, "sha256": None}
    with Path(path).open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return {"path": path, "bytes": Path(path).stat().st_size, "sha256": digest}
