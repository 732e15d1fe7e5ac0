"""Types that hold all values of both sides: the finest unit cannot hold the year 9999, nor the largest scale 1e37."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from counterpoint.diff.schema import Layout

if TYPE_CHECKING:
    from collections.abc import Sequence

_BOUNDED = (pl.Datetime, pl.Duration, pl.Decimal)


def settled(rows: Sequence[pl.LazyFrame], layout: Layout) -> Layout:
    """The layout with the first type for each column that holds all values of both sides, else with text."""
    schemas = [side.collect_schema() for side in rows]
    kinds = dict(zip(layout.names, layout.types, strict=True))
    for name, preferred in kinds.items():
        own_types = [schema[name] for schema in schemas]
        if isinstance(preferred, _BOUNDED) and own_types[0] != own_types[1]:
            options = list(dict.fromkeys([preferred, *_coarser(preferred, own_types)]))
            kinds[name] = next(
                (option for option in options if all(_holds(side, name, option) for side in rows)), pl.String()
            )
    return Layout(layout.names, tuple(kinds.values()))


def _coarser(wanted: Any, given: Sequence[Any]) -> list[Any]:
    if isinstance(wanted, pl.Datetime):
        return [pl.Datetime(own_type.time_unit, wanted.time_zone) for own_type in given]
    return [pl.Duration(own_type.time_unit) for own_type in given] if isinstance(wanted, pl.Duration) else []


def _holds(rows: pl.LazyFrame, name: str, kind: Any) -> bool:
    """Whether each value survives the conversion to a type and back."""
    own = rows.collect_schema()[name]
    back = pl.col(name).cast(kind, strict=False).cast(own, strict=False)
    return not rows.select(back.ne_missing(pl.col(name)).any()).collect(engine="streaming").item()
