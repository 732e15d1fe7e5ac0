"""Comparing what two words of a command line name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from counterpoint.diff.outputs import diff_runs, diff_versions
from counterpoint.diff.places import RunPlace, TablePlace, VersionPlace, place_of, store_of
from counterpoint.diff.sources import diff_places
from counterpoint.errors import UsageError

if TYPE_CHECKING:
    from counterpoint.diff.outputs import OutputsDiff
    from counterpoint.diff.report import Options, TableDiff


def diff(root: str, left: str, right: str, options: Options | None = None) -> TableDiff | OutputsDiff:
    """How two things differ, each a table's place, `PIPELINE@TAG` or a run's id below the root.

    Raises:
        UsageError: one names nothing or cannot be read, they are not of the same sort, or the options do not fit.
        StorageError: something that a version or a run refers to cannot be read any more.
    """
    one, other = place_of(root, left), place_of(root, right)
    if isinstance(one, TablePlace) and isinstance(other, TablePlace):
        return diff_places(one, other, options)
    if isinstance(one, VersionPlace) and isinstance(other, VersionPlace):
        found = diff_versions(store_of(root, one), store_of(root, other), options)
    elif isinstance(one, RunPlace) and isinstance(other, RunPlace):
        found = diff_runs(root, one.record, other.record, options)
    else:
        raise UsageError(
            f"{left} is a {one.sort} and {right} a {other.sort}: give two tables, two versions (PIPELINE@TAG) or"
            " two runs"
        )
    if not (found.outputs or found.only_left or found.only_right):
        raise UsageError(f"neither {left} nor {right} has any output: run or backfill the pipeline first")
    return found
