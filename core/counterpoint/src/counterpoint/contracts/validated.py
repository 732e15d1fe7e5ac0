"""Separating good rows from bad ones, which become dead letters with a reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from counterpoint.contracts.scale import least_rows, most_rows
from counterpoint.contracts.schemas import failures_of, schema_of
from counterpoint.errors import ContractError
from counterpoint.frames import as_polars
from counterpoint.redaction import UNSHOWN, shows_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

_EXAMPLES = 3


@dataclass(frozen=True)
class Validated:
    """The result of a step that validates rows.

    `rows` are the output; `rejected` become dead letters (their columns `reason`, `column` and `origin`, if any, are
    stored separately); `summary` is recorded with the step.
    """

    rows: pl.DataFrame
    rejected: pl.DataFrame
    summary: Mapping[str, Any] = field(default_factory=dict)


def split(schema: Any, frame: Any, *, max_bad_rate: float = 0.01, minimum_rows: int = 1) -> Validated:
    """Splits a frame by a pandera schema; each bad row is rejected once, for the first check that it fails.

    Args:
        schema: The pandera schema.
        frame: The rows, of any library that `counterpoint.frames` reads.
        max_bad_rate: The largest accepted share (0..1) of bad rows; scaled on a sample.
        minimum_rows: The smallest accepted number of good rows; 1 on a sample.

    Raises:
        ContractError: There are too many bad rows or too few good ones, or a column is absent or of another type.
    """
    import polars as pl

    schema, frame = schema_of(schema), as_polars(frame, "what split was given")
    failures = failures_of(schema, frame)
    whole = [failure for failure in failures if failure["index"] is None]
    if whole:
        raise ContractError(f"{_name(schema)}: {sentence(whole)}: fix the input's columns")
    first = {failure["index"]: failure for failure in reversed(failures)}
    marks = pl.Series([index in first for index in range(frame.height)], dtype=pl.Boolean)
    bad = sorted(first)
    rejected = frame.filter(marks).with_columns(
        pl.Series("reason", [_reason(first[index]) for index in bad], pl.String),
        pl.Series("column", [str(first[index]["column"]) for index in bad], pl.String),
        pl.Series("check", [str(first[index]["check"]) for index in bad], pl.String),
    )
    good = frame.filter(~marks)
    _refuse(schema, failures, Validated(good, rejected), (max_bad_rate, minimum_rows))
    return Validated(good, rejected, {"rows": good.height, "rejected": rejected.height})


def _refuse(schema: Any, failures: list[dict[str, Any]], result: Validated, limits: tuple[float, int]) -> None:
    rate, minimum = limits[0], least_rows(limits[1])
    total = result.rows.height + result.rejected.height
    if result.rejected.height > most_rows(rate, total):
        raise ContractError(
            f"{_name(schema)}: {result.rejected.height} of {total} rows are bad, over the limit of {rate:.2%}:"
            f" {sentence(failures)}; mend the source, or raise the limit",
            result.rejected,
        )
    if result.rows.height < minimum:
        raise ContractError(
            f"{_name(schema)}: {result.rows.height} good rows, fewer than the {minimum} it needs: nothing goes on"
            " with so little; mend the source, or lower the limit",
            result.rejected,
        )


def sentence(failures: list[dict[str, Any]]) -> str:
    """Column, check, count and three examples (values, or numbers of rows) of the check with the most failures."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for failure in failures:
        groups.setdefault((str(failure["column"]), str(failure["check"])), []).append(failure)
    (column, check), most_frequent = max(groups.items(), key=lambda group: (len(group[1]), group[0]))
    return f"column {column}, check {check}: {len(most_frequent)} times, such as {_examples(most_frequent[:_EXAMPLES])}"


def _examples(failures: list[dict[str, Any]]) -> str:
    """The values of failures, or, if values may not be shown, their row numbers."""
    if shows_rows() or all(map(_is_of_columns, failures)):
        return ", ".join(repr(failure["failure_case"])[:100] for failure in failures)
    rows = [str(failure["index"]) for failure in failures if failure["index"] is not None]
    return f"row {', '.join(rows)} (counted from 0)" if rows else UNSHOWN


def _is_of_columns(failure: dict[str, Any]) -> bool:
    """Whether a failure concerns a column's name or type, and no row."""
    return failure["index"] is None and str(failure["check"]).startswith(("column_", "dtype("))


def _reason(failure: dict[str, Any]) -> str:
    broken = f"{failure['column']}, {failure['check']}"
    return f"{broken}: {str(failure['failure_case'])[:100]!r}" if shows_rows() else broken


def _name(schema: Any) -> str:
    return str(getattr(schema, "name", None) or "contract")
