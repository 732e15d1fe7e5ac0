"""Outputs of two versions or two runs, matched by step and partition; outputs with equal digests are not read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from counterpoint.diff.changes import RunChanges, run_changes
from counterpoint.diff.report import Options, TableDiff
from counterpoint.diff.values import ModelDiff, ValueDiff, diff_models, diff_values
from counterpoint.model import PRODUCTION, ArtifactRef, OutputKind, RunRecord
from counterpoint.runtime import element_records, find_pipeline
from counterpoint.storage import Store
from counterpoint.storage.models import is_weights

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

Outputs = dict[tuple[str, str], ArtifactRef]
Report = TableDiff | ModelDiff | ValueDiff


@dataclass(frozen=True, slots=True)
class OutputDiff:
    """An output that both sides have; `report` is None if digests or kinds suffice to compare it."""

    step: str
    partition: str
    kind: str
    equal: bool
    left: str
    right: str
    report: Report | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        values = {"step": self.step, "partition": self.partition, "kind": self.kind, "equal": self.equal}
        digests = {"left": self.left, "right": self.right}
        return {
            **values,
            "digests": digests,
            "read": bool(self.report),
            **(self.report.to_dict() if self.report else {}),
        }


@dataclass(frozen=True, slots=True)
class OutputsDiff:
    """All outputs of two versions or runs; those on one side only are given by step and partition.

    `changes` says what else differs between two runs; None for two versions.
    """

    outputs: tuple[OutputDiff, ...]
    only_left: tuple[tuple[str, str], ...] = ()
    only_right: tuple[tuple[str, str], ...] = ()
    changes: RunChanges | None = None

    @property
    def equal(self) -> bool:
        """Whether both sides have the same outputs, and each is equal."""
        return not (self.only_left or self.only_right) and all(output.equal for output in self.outputs)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "equal": self.equal,
            "outputs": [output.to_dict() for output in self.outputs],
            "only_left": [{"step": step, "partition": key} for step, key in self.only_left],
            "only_right": [{"step": step, "partition": key} for step, key in self.only_right],
            **({"changes": self.changes.to_dict()} if self.changes else {}),
        }


def diff_versions(left: Store, right: Store, options: Options | None = None) -> OutputsDiff:
    """The differences of two versions of a pipeline's data.

    A version is layered over production, so each side is compared as its readers see it. Steps and partitions that
    neither version has itself are left out, unless both sides are production.

    Raises:
        StorageError: A published output cannot be read.
    """
    own = [_own(store) for store in (left, right) if store.version != PRODUCTION] or [_own(left), _own(right)]
    compared = set().union(*own)
    return _diff(left, _standing(left, compared), right, _standing(right, compared), options or Options())


def _own(store: Store) -> set[tuple[str, str]]:
    return {(step, key) for step in store.pipeline.step_names for key in store.own_entries(step)}


def _standing(store: Store, wanted: set[tuple[str, str]]) -> Outputs:
    entries = {step: store.entries(step) for step in store.pipeline.step_names}
    pairs = [(step, key, entry) for step, by_key in entries.items() for key, entry in by_key.items()]
    return {(step, key): entry.reference for step, key, entry in pairs if (step, key) in wanted}


def diff_runs(
    root: str, left: Mapping[str, Any], right: Mapping[str, Any], options: Options | None = None
) -> OutputsDiff:
    """The differences of two runs' outputs, by their stored records; runs of different dates are matched by step.

    Raises:
        StorageError: An output of a run can no longer be read.
    """
    records = [RunRecord.from_dict(values) for values in (left, right)]
    stores = [Store(root, find_pipeline(record.pipeline), record.version) for record in records]
    outputs = [_outputs_of(store, record) for store, record in zip(stores, records, strict=True)]
    compared = _diff(stores[0], outputs[0], stores[1], outputs[1], options or Options())
    return replace(compared, changes=run_changes(stores, records))


def _outputs_of(store: Store, record: RunRecord) -> Outputs:
    """The outputs of a run, by step and element of a mapped step."""
    outputs = [output for step in record.steps if step.output for output in _parts(store, record, step.output)]
    return {(output.step, output.partition.removeprefix(record.date)): output for output in outputs}


def _parts(store: Store, record: RunRecord, output: ArtifactRef) -> list[ArtifactRef]:
    if output.kind != "mapped":
        return [output]
    parts = element_records(store, record.run_id, output.step)
    return [ArtifactRef.from_dict(part["output"]) for part in parts]


def _diff(left: Store, ours: Outputs, right: Store, theirs: Outputs, options: Options) -> OutputsDiff:
    order = {step: number for number, step in enumerate((*left.pipeline.step_names, *right.pipeline.step_names))}
    keys = sorted({*ours, *theirs}, key=lambda key: (order.get(key[0], len(order)), key))
    compared = [_output(left, ours[key], right, theirs[key], options) for key in keys if key in ours and key in theirs]
    return OutputsDiff(
        tuple(compared),
        tuple((key[0], ours[key].partition) for key in keys if key not in theirs),
        tuple((key[0], theirs[key].partition) for key in keys if key not in ours),
    )


def _output(left: Store, one: ArtifactRef, right: Store, other: ArtifactRef, options: Options) -> OutputDiff:
    partition = one.partition if one.partition == other.partition else f"{one.partition} | {other.partition}"
    kind = one.kind if one.kind == other.kind else f"{one.kind} | {other.kind}"
    result = OutputDiff(one.step, partition, kind, one.digest == other.digest, one.digest, other.digest)
    if result.equal or one.kind != other.kind:
        return replace(result, equal=result.equal and one.kind == other.kind)
    if one.kind == OutputKind.TABLE:
        report: Report = _tables(_rows(left, one), _rows(right, other), options)
    elif one.kind == OutputKind.MODEL:
        ours, theirs = left.read(one), right.read(other)
        if not (is_weights(ours) and is_weights(theirs)):
            return result  # models of libraries are told apart by their files
        report = diff_models(ours, theirs, options.tolerance)
    else:
        report = diff_values(left.read(one), right.read(other), options.tolerance)
    return replace(result, equal=report.equal, report=report)


def _rows(store: Store, reference: ArtifactRef) -> pl.LazyFrame:
    from counterpoint.diff.delta import open_delta, rows_of
    from counterpoint.diff.sources import readable

    partitioned = store.pipeline.step(reference.step).output.partitioned
    where = (store.pipeline.partitions.kind.value, reference.partition) if partitioned else None
    uri = store.place(reference)
    with readable(f"{reference.step} of {reference.partition} at {uri}"):
        return rows_of(open_delta(uri, reference.table_version), uri, where)


def _tables(left: pl.LazyFrame, right: pl.LazyFrame, options: Options) -> TableDiff:
    """Compares two tables with the options that apply to them, because other outputs may have other columns."""
    from counterpoint.diff.sources import readable
    from counterpoint.diff.tables import diff_tables

    schemas = left.collect_schema(), right.collect_schema()
    both = [name for name in schemas[0] if name in schemas[1]]
    numbers = [name for name in both if all(schema[name].is_numeric() for schema in schemas)]
    key = options.key if all(name in both for name in options.key) else ()
    ignore = tuple(name for name in options.ignore if any(name in schema for schema in schemas))
    fitting = replace(options, key=key, ignore=ignore, tolerance=options.tolerance.only(numbers))
    with readable():
        return diff_tables(left, right, fitting)
