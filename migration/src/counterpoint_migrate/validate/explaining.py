"""Examines the outputs of a cause for a hint."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from counterpoint.diff import ModelDiff, TableDiff, ValueDiff
from counterpoint.errors import CounterpointError
from counterpoint_migrate.validate.hints import Hint, hint_for_tables
from counterpoint_migrate.validate.matching import same_but_case, tables_of
from counterpoint_migrate.validate.row_diff import pair_of
from counterpoint_migrate.validate.valuehints import hint_for_models, hint_for_values

if TYPE_CHECKING:
    from counterpoint.model import Pipeline
    from counterpoint_migrate.validate.data_sides import Output, Side
    from counterpoint_migrate.validate.matching import Match

log = logging.getLogger(__name__)
# larger tables are compared, but not examined for a hint, because that loads their rows into memory
MOST_ROWS = 2_000_000


@dataclass(frozen=True, slots=True)
class Explainer:
    """The sides to examine."""

    pipeline: Pipeline
    left: Side
    right: Side

    def hint(self, match: Match) -> Hint | None:
        """A guess why an output differs."""
        if match.left is None or match.right is None or match.report is None:
            return None
        try:
            return self._beside(match) or self._by_report(match)
        except pl.exceptions.PolarsError as error:
            # a rule does not support a type: a failed guess must not prevent the verdict
            log.warning("no hint for %s of %s: %s", match.step, match.date, str(error).partition("\n")[0])
            return None

    def _by_report(self, match: Match) -> Hint | None:
        report = match.report
        if isinstance(report, TableDiff):
            return self._table(match, report)
        guess = hint_for_models(report) if isinstance(report, ModelDiff) else None
        guess = hint_for_values(report) if isinstance(report, ValueDiff) else guess
        return Hint(*guess) if guess else None

    def _beside(self, match: Match) -> Hint | None:
        """The output of a date equals that of the date before or after on the other side."""
        for side, output, other_side in (("left", match.left, "right"), ("right", match.right, "left")):
            for days in (-1, 1):
                neighbour = self._near(match, days, other_side)
                if output is not None and output.stored and neighbour is not None and neighbour.digest == output.digest:
                    direction = "before" if days < 0 else "after"
                    text = f"off by one interval: the {side} side has what the other has of the date {direction}"
                    return Hint("interval", text, {"side": side, "shift": days, "digest": output.digest})
        return None

    def _near(self, match: Match, days: int, side: str) -> Output | None:
        data_side = self.left if side == "left" else self.right
        date = self.pipeline.partitions.shift(match.date, days)
        try:
            self.pipeline.partitions.partition(date)
            return data_side.output(match.step, date)
        except CounterpointError:
            return None

    def _table(self, match: Match, report: TableDiff) -> Hint | None:
        assert match.left is not None  # noqa: S101 - checked by the caller
        assert match.right is not None  # noqa: S101 - checked by the caller
        if max(report.rows.left, report.rows.right) > MOST_ROWS:
            return Hint("not_looked", f"more than {MOST_ROWS:,} rows: not examined", {"rows": report.rows.left})
        left, right = tables_of(match.left, match.right)

        def neighbour(days: int, side: str) -> pl.LazyFrame | None:
            output = self._near(match, days, side)
            if output is None:
                return None
            rows: pl.LazyFrame = output.read()
            return rows.rename(same_but_case(list(rows.collect_schema()), list(right.collect_schema())))

        pair = pair_of(left, right, neighbour)
        return hint_for_tables(pair, self.pipeline.partitions.partition(match.date), report)
