"""Comparing value by value: tables, models, values; versions of a pipeline's data, runs."""

from __future__ import annotations

from counterpoint.diff.operands import diff
from counterpoint.diff.outputs import OutputDiff, OutputsDiff, diff_runs, diff_versions
from counterpoint.diff.places import RunPlace, TablePlace, VersionPlace, place_of
from counterpoint.diff.report import ColumnDiff, KeyUse, Options, Rows, Sample, SchemaDiff, TableDiff, Tolerance
from counterpoint.diff.sources import diff_places
from counterpoint.diff.tables import diff_tables
from counterpoint.diff.values import ModelDiff, ValueDiff, diff_models, diff_values

__all__ = [
    "ColumnDiff",
    "KeyUse",
    "ModelDiff",
    "Options",
    "OutputDiff",
    "OutputsDiff",
    "Rows",
    "RunPlace",
    "Sample",
    "SchemaDiff",
    "TableDiff",
    "TablePlace",
    "Tolerance",
    "ValueDiff",
    "VersionPlace",
    "diff",
    "diff_models",
    "diff_places",
    "diff_runs",
    "diff_tables",
    "diff_values",
    "diff_versions",
    "place_of",
]
