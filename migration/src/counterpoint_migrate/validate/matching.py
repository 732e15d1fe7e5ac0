"""One output of both sides: equal by digest, equal by value, or different, with the difference."""

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
    """How an output of both sides is: `ABSENT` when neither has it."""

    EQUAL = "equal"
    DIFFERS = "differs"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class How:
    """How the outputs of a step are compared; `own` are the columns that were named for this very step."""

    options: Options
    strict_order: bool = False
    own: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """One output of both sides; `kind` says what differs, `by` what told that it is equal."""

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
    """How one output is on both sides.

    Raises:
        UsageError: the key or tolerance that was given for this step does not fit it, or it cannot be read.
        StorageError: what stands cannot be read any more.
    """
    found = Match(step, date, left, right, Status.EQUAL)
    if left is None or right is None:
        return _of_one(found)
    found = replace(found, notes=_order(left, right) if left.kind == TABLE else ())
    if found.notes and how.strict_order:
        return replace(found, status=Status.DIFFERS, kind="order")
    if left.digest == right.digest:
        return replace(found, by="digest")
    left, right = _typed(left, right)
    found = replace(found, left=left, right=right)
    report = _report(left, right, how)
    if not report.equal:
        return replace(found, status=Status.DIFFERS, kind=kind_of(report), report=report)
    return replace(found, by="value", notes=(*found.notes, *_alike(report)))


def _typed(left: Output, right: Output) -> tuple[Output, Output]:
    """Both tables, texts of the one in the types of the other."""
    if not left.texts and not right.texts:
        return left, right
    frames = tables_of(left, right)
    names = same_but_case(list(left.read().collect_schema()), list(frames[1].collect_schema()))
    texts = frozenset(names.get(name, name) for name in left.texts)
    with readable(f"{left.step} of {left.date}"):
        one, other = fitted(Source(lambda: frames[0], texts=texts), Source(lambda: frames[1], texts=right.texts))
    return replace(left, read=lambda: one), replace(right, read=lambda: other)


def _of_one(found: Match) -> Match:
    there = found.left or found.right
    if there is None or not there.stored:
        return replace(found, status=Status.ABSENT)
    side = "left" if found.left else "right"
    return replace(found, status=Status.DIFFERS, kind="missing", notes=(f"only the {side} side has it",))


def _order(left: Output, right: Output) -> tuple[str, ...]:
    """What is told of two tables that have the same columns in another order or spelled in another case."""
    ours, theirs = (list(output.read().collect_schema()) for output in (left, right))
    if ours == theirs:
        return ()
    if sorted(ours) == sorted(theirs):
        return ("the columns are in another order",)
    if same_but_case(ours, theirs):
        return ("the names of columns differ in upper and lower case",)
    return ()


def same_but_case(ours: Sequence[str], theirs: Sequence[str]) -> dict[str, str]:
    """The columns of one table by the names of the other, where they differ in case alone; empty where they do not."""
    folded = [{name.casefold(): name for name in names} for names in (ours, theirs)]
    if folded[0].keys() != folded[1].keys() or any(
        len(f) < len(n) for f, n in zip(folded, (ours, theirs), strict=True)
    ):
        return {}
    return {name: folded[1][key] for key, name in folded[0].items()}


def tables_of(left: Output, right: Output) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Both tables, those columns called alike whose names differ in case alone."""
    one, other = left.read(), right.read()
    names = same_but_case(list(one.collect_schema()), list(other.collect_schema()))
    return one.rename(names), other


def _report(left: Output, right: Output, how: How) -> Report:
    if left.kind == TABLE:
        one, other = tables_of(left, right)
        with readable(f"{left.step} of {left.date}"):
            return diff_tables(one, other, _fitting(how, one, other, left))
    ours, theirs = left.read(), right.read()
    if left.kind != MODEL:
        return diff_values(ours, theirs, how.options.tolerance)
    if not (is_weights(ours) and is_weights(theirs)):
        # models of libraries are told apart by the digests of their files
        return diff_values({"digest": left.digest}, {"digest": right.digest})
    if not (left.whole and right.whole):
        ours, theirs = without_parameters(ours), without_parameters(theirs)
    return diff_models(ours, theirs, how.options.tolerance)


def _fitting(how: How, one: pl.LazyFrame, other: pl.LazyFrame, output: Output) -> Options:
    """Those of the options that fit two tables."""
    options, schemas = how.options, (one.collect_schema(), other.collect_schema())
    _, layout = compare_schemas(*schemas)
    unknown = [name for name in how.own if not any(name in schema for schema in schemas)]
    if unknown:
        raise UsageError(f"{output.step} of {output.date} has no column {unknown[0]!r}: it has {', '.join(schemas[1])}")
    key = options.key if all(n in layout.names and not schemas[0][n].is_nested() for n in options.key) else ()
    numbers = [n for n in layout.names if all(schema[n].is_numeric() for schema in schemas)]
    columns = {name: value for name, value in options.tolerance.columns.items() if name in numbers}
    return replace(options, key=key, tolerance=replace(options.tolerance, columns=columns))


def _alike(report: Report) -> tuple[str, ...]:
    """What is told of an output that is equal by value though not by digest."""
    if not isinstance(report, TableDiff):
        return ("within the tolerance, or of other types",)
    types = [f"{t.name} {t.left} | {t.right}" for t in report.schema.types]
    within = [f"{c.name} within {c.tolerance:g}" for c in report.columns if c.tolerance]
    return tuple(filter(None, (f"types: {', '.join(types)}" if types else "", ", ".join(within))))


def kind_of(report: Report) -> str:
    """What differs: schema, rows, cells, weights or values."""
    if isinstance(report, ModelDiff):
        return "weights" if any(not tensor.equal for tensor in report.tensors) else "values"
    if isinstance(report, ValueDiff):
        return "values"
    if not report.schema.equal:
        return "schema"
    rows = report.rows
    parts = {"rows": rows.only_left + rows.only_right, "cells": rows.changed}
    return " and ".join(name for name, count in parts.items() if count)
