"""Types that hold all values of both sides: the finest unit has none for the year 9999, the largest scale for 1e37."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from counterpoint.diff.schema import Layout

if TYPE_CHECKING:
    from collections.abc import Sequence

_BOUNDED = (pl.Datetime, pl.Duration, pl.Decimal)


def settled(rows: Sequence[pl.LazyFrame], layout: Layout) -> Layout:
    """The layout with the first type for each column that holds every value of both sides; text holds them all."""
    schemas = [side.collect_schema() for side in rows]
    kinds = dict(zip(layout.names, layout.types, strict=True))
    for name, wanted in kinds.items():
        given = [schema[name] for schema in schemas]
        if isinstance(wanted, _BOUNDED) and given[0] != given[1]:
            tried = list(dict.fromkeys([wanted, *_coarser(wanted, given)]))
            kinds[name] = next((one for one in tried if all(_holds(side, name, one) for side in rows)), pl.String())
    return Layout(layout.names, tuple(kinds.values()))


def _coarser(wanted: Any, given: Sequence[Any]) -> list[Any]:
    if isinstance(wanted, pl.Datetime):
        return [pl.Datetime(one.time_unit, wanted.time_zone) for one in given]
    return [pl.Duration(one.time_unit) for one in given] if isinstance(wanted, pl.Duration) else []


def _holds(rows: pl.LazyFrame, name: str, kind: Any) -> bool:
    """Whether each value comes back from the type."""
    own = rows.collect_schema()[name]
    back = pl.col(name).cast(kind, strict=False).cast(own, strict=False)
    return not rows.select(back.ne_missing(pl.col(name)).any()).collect(engine="streaming").item()
