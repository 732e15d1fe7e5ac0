"""Comparing by value: tables, models and JSON values; versions of a pipeline's data, and runs."""

from __future__ import annotations

from counterpoint.diff.operands import diff
from counterpoint.diff.outputs import OutputsDiff, diff_versions
from counterpoint.diff.places import TablePlace, place_of
from counterpoint.diff.report import KeyUse, Options, Rows, Sample, TableDiff, Tolerance
from counterpoint.diff.sources import diff_places
from counterpoint.diff.tables import diff_tables
from counterpoint.diff.values import ModelDiff, ValueDiff, diff_models, diff_values

__all__ = [
    "KeyUse",
    "ModelDiff",
    "Options",
    "OutputsDiff",
    "Rows",
    "Sample",
    "TableDiff",
    "TablePlace",
    "Tolerance",
    "ValueDiff",
    "diff",
    "diff_models",
    "diff_places",
    "diff_tables",
    "diff_values",
    "diff_versions",
    "place_of",
]
