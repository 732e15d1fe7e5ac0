"""The contract of a day, applied: good rows pass, bad rows are set aside with a reason, a bad day fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from counterpoint.contracts import Validated
from counterpoint.errors import UsageError
from streamrec.batch_validation import Day
from streamrec.config import LIMITS
from streamrec.row_validation import Verdict, judge
from streamrec.schema import RAW, VALIDATED
from streamrec.source import source_profile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.model import Partition


def validated_interactions(
    raw_interactions: pl.DataFrame,
    partition: Partition,
    contract: Mapping[str, Any],
    source: str,
    resubmitted: pl.DataFrame | None = None,
) -> Validated:
    """The events of a day that keep the contract (columns of `schema.VALIDATED`), and those that do not.

    Limits are those of `config.LIMITS`, overridden by the profile of the source, and that by `contract`. A
    row is rejected once, for the first rule that it breaks. A closed day of the profile passes without rows.
    `resubmitted` are dead letters to try again (columns of `schema.RAW`): each must keep the same rules and repeat
    no event that stands; how the day was delivered is judged without them.

    Raises:
        ContractError: too few rows, too many bad ones or nulls, or events that look wrong as a whole.
        UsageError: an unknown limit.
    """
    profile = source_profile(source)
    limits = limits_of(profile.contract, contract)
    closed = raw_interactions.is_empty() and (profile.is_closed(partition.day) or profile.may_be_empty(partition.day))
    if closed and resubmitted is None:
        return Validated(_converted(raw_interactions), raw_interactions, {"rows": 0, "closed": 1})
    verdict = judge(raw_interactions, partition, limits)
    if not closed:
        Day(partition, limits, verdict).check()
    if resubmitted is not None:
        verdict = _with(verdict, resubmitted, partition, limits)
    rows = _converted(verdict.good)
    counts = {"rows": len(rows), "rejected": len(verdict.rejected), **verdict.counts()}
    return Validated(rows, verdict.rejected, counts)


def _with(verdict: Verdict, resubmitted: pl.DataFrame, partition: Partition, limits: dict[str, Any]) -> Verdict:
    """The verdict with resubmitted rows; judged behind the good ones, of which none becomes a duplicate so."""
    given = resubmitted.select(pl.col(name).cast(kind) for name, kind in RAW.items())
    again = judge(pl.concat([verdict.good, given]), partition, limits)
    total = verdict.total + len(given)
    return Verdict(total, again.good, pl.concat([verdict.rejected, again.rejected]))


def limits_of(*overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The limits of the contract, the last override being the strongest.

    Raises:
        UsageError: an override that is no limit, or a number that is none.
    """
    merged = {**LIMITS, **{name: value for override in overrides for name, value in override.items()}}
    for name, value in merged.items():
        if name not in LIMITS:
            raise UsageError(f"contract: {name!r} is no limit; the limits are {', '.join(LIMITS)}")
        if name != "event_shares" and value is not None and not _is_number(value):
            raise UsageError(f"contract: {name} = {value!r} must be a number of 0 or more")
    return merged


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _converted(good: pl.DataFrame) -> pl.DataFrame:
    """Milliseconds are whole numbers, so that sums are exact on every engine and in every order."""
    converted = {
        "watch_ms": (pl.col("watch_seconds") * 1000.0).round().cast(pl.Int64).fill_null(0),
        "device": pl.col("device").fill_null("unknown"),
        "category": pl.col("category").fill_null("unknown"),
    }
    return good.select(converted.get(name, pl.col(name)).alias(name) for name in VALIDATED)
