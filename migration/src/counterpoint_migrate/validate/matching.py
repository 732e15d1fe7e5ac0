"""Compares one output of both sides: equal by digest, equal by value, or different, with the difference."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from counterpoint.diff import ModelDiff, Options, TableDiff, ValueDiff, diff_models, diff_tables, diff_values
from counterpoint.diff.fitting import fitted
from counterpoint.diff.schema import compare_schemas
from counterpoint.diff.sources import Source, readable
from counterpoint.errors import UsageError
from counterpoint.storage.models import is_weights
from counterpoint_migrate.validate.data_sides import MODEL, TABLE, without_parameters

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from counterpoint_migrate.validate.data_sides import Output

Report = TableDiff | ModelDiff | ValueDiff


class Status(StrEnum):
    """The result for an output; `ABSENT` if neither side has it."""

    EQUAL = "equal"
    DIFFERS = "differs"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class How:
    """The options for comparing a step's outputs; `own` are the columns that were named for this step."""

    options: Options
    strict_order: bool = False
    own: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """One output of both sides; `kind` is what differs, `by` is the proof that it is equal."""

    step: str
    date: str
    left: Output | None
    right: Output | None
    status: Status
    by: str = ""
    kind: str = ""
    report: Report | None = None
    notes: tuple[str, ...] = ()

    @property
    def cell(self) -> tuple[str, str]:
        """Step and date."""
        return self.step, self.date

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "step": self.step,
            "date": self.date,
            "status": self.status.value,
            "by": self.by or None,
            "kind": self.kind or None,
            "left": self.left.to_dict() if self.left else None,
            "right": self.right.to_dict() if self.right else None,
            "notes": [*self.notes],
            "diff": self.report.to_dict() if self.report else None,
        }


def match(step: str, date: str, left: Output | None, right: Output | None, how: How) -> Match:
    """Compares one output of both sides.

    Raises:
        UsageError: the key or tolerance for this step does not fit the output, or the output cannot be read.
        StorageError: a published output cannot be read.
    """
    result = Match(step, date, left, right, Status.EQUAL)
    if left is None or right is None:
        return _one_sided(result)
    result = replace(result, notes=_order(left, right) if left.kind == TABLE else ())
    if result.notes and how.strict_order:
        return replace(result, status=Status.DIFFERS, kind="order")
    if left.digest == right.digest:
        return replace(result, by="digest")
    left, right = _with_types(left, right)
    result = replace(result, left=left, right=right)
    report = _report(left, right, how)
    if not report.equal:
        return replace(result, status=Status.DIFFERS, kind=kind_of(report), report=report)
    return replace(result, by="value", notes=(*result.notes, *_notes_of_equal(report)))


def _with_types(left: Output, right: Output) -> tuple[Output, Output]:
    """Both tables, with text columns of one in the types of the other."""
    if not left.texts and not right.texts:
        return left, right
    frames = tables_of(left, right)
    names = same_but_case(list(left.read().collect_schema()), list(frames[1].collect_schema()))
    texts = frozenset(names.get(name, name) for name in left.texts)
    with readable(f"{left.step} of {left.date}"):
        left_rows, right_rows = fitted(
            Source(lambda: frames[0], texts=texts), Source(lambda: frames[1], texts=right.texts)
        )
    return replace(left, read=lambda: left_rows), replace(right, read=lambda: right_rows)


def _one_sided(result: Match) -> Match:
    output = result.left or result.right
    if output is None or not output.stored:
        return replace(result, status=Status.ABSENT)
    side = "left" if result.left else "right"
    return replace(result, status=Status.DIFFERS, kind="missing", notes=(f"only the {side} side has it",))


def _order(left: Output, right: Output) -> tuple[str, ...]:
    """The note on two tables with the same columns in another order or in another case."""
    left_names, right_names = (list(output.read().collect_schema()) for output in (left, right))
    if left_names == right_names:
        return ()
    if sorted(left_names) == sorted(right_names):
        return ("the columns are in another order",)
    if same_but_case(left_names, right_names):
        return ("the names of columns differ in upper and lower case",)
    return ()


def same_but_case(ours: Sequence[str], theirs: Sequence[str]) -> dict[str, str]:
    """The columns of one table with their names in the other, if they differ in case only; else empty."""
    folded = [{name.casefold(): name for name in names} for names in (ours, theirs)]
    if folded[0].keys() != folded[1].keys() or any(
        len(unique) < len(spelled) for unique, spelled in zip(folded, (ours, theirs), strict=True)
    ):
        return {}
    return {name: folded[1][key] for key, name in folded[0].items()}


def tables_of(left: Output, right: Output) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Both tables; columns whose names differ in case only get the same name."""
    left_rows, right_rows = left.read(), right.read()
    names = same_but_case(list(left_rows.collect_schema()), list(right_rows.collect_schema()))
    return left_rows.rename(names), right_rows


def _report(left: Output, right: Output, how: How) -> Report:
    if left.kind == TABLE:
        left_rows, right_rows = tables_of(left, right)
        with readable(f"{left.step} of {left.date}"):
            return diff_tables(left_rows, right_rows, _fitting(how, left_rows, right_rows, left))
    left_value, right_value = left.read(), right.read()
    if left.kind != MODEL:
        return diff_values(left_value, right_value, how.options.tolerance)
    if not (is_weights(left_value) and is_weights(right_value)):
        # models of libraries are compared by the digests of their files
        return diff_values({"digest": left.digest}, {"digest": right.digest})
    if not (left.whole and right.whole):
        left_value, right_value = without_parameters(left_value), without_parameters(right_value)
    return diff_models(left_value, right_value, how.options.tolerance)


def _fitting(how: How, left_rows: pl.LazyFrame, right_rows: pl.LazyFrame, output: Output) -> Options:
    """The options that apply to two tables."""
    options, schemas = how.options, (left_rows.collect_schema(), right_rows.collect_schema())
    _, layout = compare_schemas(*schemas)
    unknown = [name for name in how.own if not any(name in schema for schema in schemas)]
    if unknown:
        raise UsageError(f"{output.step} of {output.date} has no column {unknown[0]!r}: it has {', '.join(schemas[1])}")
    key = (
        options.key
        if all(column in layout.names and not schemas[0][column].is_nested() for column in options.key)
        else ()
    )
    numbers = [column for column in layout.names if all(schema[column].is_numeric() for schema in schemas)]
    return replace(options, key=key, tolerance=options.tolerance.only(numbers))


def _notes_of_equal(report: Report) -> tuple[str, ...]:
    """The notes on an output that is equal by value but not by digest."""
    if not isinstance(report, TableDiff):
        return ("within the tolerance, or of other types",)
    types = [f"{column_type.name} {column_type.left} | {column_type.right}" for column_type in report.schema.types]
    tolerated = [f"{column.name} within {column.tolerance:g}" for column in report.columns if column.tolerance]
    return tuple(filter(None, (f"types: {', '.join(types)}" if types else "", ", ".join(tolerated))))


def kind_of(report: Report) -> str:
    """The kind of difference: schema, rows, cells, weights or values."""
    if isinstance(report, ModelDiff):
        return "weights" if any(not tensor.equal for tensor in report.tensors) else "values"
    if isinstance(report, ValueDiff):
        return "values"
    if not report.schema.equal:
        return "schema"
    rows = report.rows
    parts = {"rows": rows.only_left + rows.only_right, "cells": rows.changed}
    return " and ".join(name for name, count in parts.items() if count)
