"""Comparing two operands of the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from counterpoint.diff.outputs import diff_runs, diff_versions
from counterpoint.diff.places import RunPlace, TablePlace, VersionPlace, place_of, store_of
from counterpoint.diff.report import Options
from counterpoint.diff.sources import diff_places
from counterpoint.errors import UsageError

if TYPE_CHECKING:
    from counterpoint.diff.outputs import OutputsDiff
    from counterpoint.diff.report import TableDiff


def diff(root: str, left: str, right: str, options: Options | None = None) -> TableDiff | OutputsDiff:
    """The differences of two operands, each a table, `PIPELINE@TAG` or a run's id below the root.

    Raises:
        UsageError: An operand does not exist or cannot be read, they are of different sorts, or the options do not fit.
        StorageError: An output that a version or a run refers to can no longer be read.
    """
    left_place, right_place = place_of(root, left), place_of(root, right)
    if isinstance(left_place, TablePlace) and isinstance(right_place, TablePlace):
        return diff_places(left_place, right_place, options)
    _refuse_for_outputs(options)
    if isinstance(left_place, VersionPlace) and isinstance(right_place, VersionPlace):
        outputs_diff = diff_versions(store_of(root, left_place), store_of(root, right_place), options)
    elif isinstance(left_place, RunPlace) and isinstance(right_place, RunPlace):
        outputs_diff = diff_runs(root, left_place.record, right_place.record, options)
    else:
        raise UsageError(
            f"{left} is a {left_place.sort} and {right} a {right_place.sort}: give two tables, two versions"
            " (PIPELINE@TAG) or two runs"
        )
    if not (outputs_diff.outputs or outputs_diff.only_left or outputs_diff.only_right):
        raise UsageError(f"neither {left} nor {right} has any output: run or backfill the pipeline first")
    return outputs_diff


def _refuse_for_outputs(options: Options | None) -> None:
    """Refuses options that mean nothing for the many outputs of versions and runs."""
    used = options or Options()
    of_tables = {"--columns": used.columns, "--rows": used.rows_to, "--case-insensitive-names": used.any_case}
    if option := next((name for name, value in of_tables.items() if value), None):
        raise UsageError(f"{option} is for two tables: leave it out for versions and runs, or name a table of each")
