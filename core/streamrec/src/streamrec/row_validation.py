"""Judging the rows of a day by the rules of an event: which are bad, why, and with which examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from counterpoint.errors import ContractError
from counterpoint.redaction import shows_rows
from streamrec.schema import KEY

if TYPE_CHECKING:
    from counterpoint.model import Partition

UNIQUE = "unique"
_EXAMPLES = 3
_OTHERS = 3
_SHOWN = 100
_FAILURES = {"index": pl.Int64, "column": pl.String, "check": pl.String}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The good rows of a day, and the `rejected` ones with the `column`, `check` and `reason` of each."""

    total: int
    good: pl.DataFrame
    rejected: pl.DataFrame

    @property
    def duplicates(self) -> int:
        """How many rows were rejected for nothing but having been there before."""
        return int((self.rejected["check"] == UNIQUE).sum())

    def counts(self) -> dict[str, int]:
        """Rejected rows by `column: check`, in the order of the alphabet."""
        found = self.rejected.group_by("column", "check").len().sort("column", "check")
        return {f"{column}: {check}": count for column, check, count in found.iter_rows()}

    def worst(self, counted: pl.Expr, limit: str, rate: float) -> str:
        """What broke a limit: the column and check with the most rows, their count, and three examples."""
        bad = self.rejected.filter(counted)
        groups = bad.group_by("column", "check").len()
        groups = groups.sort(["len", "column", "check"], descending=[True, False, False])
        column, check, count = groups.row(0)
        rows = bad.filter((pl.col("column") == column) & (pl.col("check") == check)).head(_EXAMPLES)
        others = [f"; column {c}, check {k}: {n} rows" for c, k, n in groups.rows()[1 : 1 + _OTHERS]]
        return (
            f"{len(bad)} of {self.total} rows ({len(bad) / self.total:.1%}) are bad, over {limit} {rate:.2%}:"
            f" column {column}, check {check}: {count} rows, such as"
            f" {', '.join(_example(row) for row in rows.iter_rows(named=True))}{''.join(others)}"
        )


def _example(row: dict[str, Any]) -> str:
    return f"{row['reason'].split(': ', 1)[-1]} ({row['origin']})" if shows_rows() else str(row["origin"])


def judge(rows: pl.DataFrame, partition: Partition, limits: dict[str, Any]) -> Verdict:
    """Divides the rows of a day (columns of `schema.RAW`).

    Raises:
        ContractError: a column is missing, or of another type.
    """
    failures = _failures(rows, partition, limits)
    bad = np.zeros(len(rows), dtype=np.bool_)
    bad[failures["index"].to_numpy()] = True
    rejected = rows.filter(pl.Series(bad)).with_columns(failures["column"], failures["check"])
    good = rows.filter(pl.Series(~bad)) if bad.any() else rows
    return Verdict(len(rows), good, rejected.with_columns(reason=_reason(list(rows.columns))))


def _failures(rows: pl.DataFrame, partition: Partition, limits: dict[str, Any]) -> pl.DataFrame:
    """Index, column and check of the first rule that each bad row breaks, ordered by index."""
    import pandera.polars as pa

    from streamrec.contracts import event_rules

    rules = event_rules(partition, limits)
    try:
        rules.validate(rows, lazy=True)
    except pa.errors.SchemaErrors as errors:
        found: pl.DataFrame = errors.failure_cases
    else:
        return pl.DataFrame(schema=_FAILURES)
    if found["index"].null_count():
        column, check = found.filter(pl.col("index").is_null()).select("column", "check").row(0)
        raise ContractError(
            f"raw_interactions of {partition.key}: column {column}, check {check} fails for all"
            f" {len(rows)} rows; run raw_interactions again"
        )
    return _first(found, list(rules.columns))


def _first(found: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    """One failure a row: that of the first column, a duplicate last."""
    order = {name: n for n, name in enumerate(columns)}
    rank = pl.col("column").replace_strict(order, default=len(order), return_dtype=pl.Int64)
    ranked = found.sort(["index", rank], maintain_order=True)
    return ranked.unique("index", keep="first", maintain_order=True).select(
        pl.col("index").cast(pl.Int64),
        pl.col("column").fill_null(", ".join(KEY)),
        pl.col("check").replace("not_nullable", "not null"),
    )


def _reason(columns: list[str]) -> pl.Expr:
    """Such as `event_type, known type: 'hover'`; long values are cut, or left out with all where none are shown."""
    values = [pl.when(pl.col("column") == name).then(pl.col(name).cast(pl.String)) for name in columns]
    event = pl.concat_str([pl.col(name).cast(pl.String) for name in KEY], separator=" ")
    value = pl.coalesce(*values, pl.when(pl.col("check") == UNIQUE).then(event))
    length = value.str.len_chars()
    tail = pl.lit("... of ") + length.cast(pl.String) + pl.lit(" characters")
    cut = pl.when(length > _SHOWN).then(value.str.slice(0, _SHOWN) + tail).otherwise(value)
    if not shows_rows():
        return pl.col("column") + pl.lit(", ") + pl.col("check")
    quoted = pl.when(pl.col("column") == "malformed").then(cut).otherwise(pl.lit("'") + cut + pl.lit("'"))
    return pl.col("column") + pl.lit(", ") + pl.col("check") + pl.lit(": ") + quoted.fill_null("null")
