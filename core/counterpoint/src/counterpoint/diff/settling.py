"""Types that hold all values of both sides: the finest unit cannot hold the year 9999, nor the largest scale 1e37."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl

from counterpoint.diff.schema import Layout
from counterpoint.diff.types import as_type

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_UNITS = ("ns", "us", "ms")


def settled(rows: Sequence[pl.LazyFrame], layout: Layout) -> Layout:
    """The layout with the first type for each column that holds all values of both sides, else with text."""
    schemas = [side.collect_schema() for side in rows]
    kinds = dict(zip(layout.names, layout.types, strict=True))
    for name, preferred in kinds.items():
        own_types = [schema[name] for schema in schemas]
        if own_types[0] != own_types[1] and (options := roomy(preferred)):
            sides = list(zip(rows, own_types, strict=True))
            kinds[name] = next(
                (kind for kind in options if all(keeps(side, name, own, kind) for side, own in sides)),
                _replaced(preferred, lambda _: pl.String()),
            )
    return Layout(layout.names, tuple(kinds.values()))


def roomy(kind: Any) -> list[Any]:
    """A type and its coarser forms, also within lists and structs; empty for one that holds every value anyway."""
    if _replaced(kind, lambda _: pl.String()) == kind:
        return []
    return list(dict.fromkeys([kind, *(_replaced(kind, partial(_in, unit=unit)) for unit in _UNITS[1:])]))


def keeps(rows: pl.LazyFrame, name: str, own: Any, kind: Any) -> bool:
    """Whether each value of a column survives the conversion to a type and back."""
    back = as_type(as_type(pl.col(name), own, kind), kind, own)
    try:
        return not rows.select(back.ne_missing(pl.col(name)).any()).collect(engine="streaming").item()
    except pl.exceptions.InvalidOperationError:
        return False


def _in(leaf: Any, *, unit: Any) -> Any:
    """A type of times in a unit that is no finer than its own; another type as it is."""
    if isinstance(leaf, pl.Decimal) or _UNITS.index(leaf.time_unit) > _UNITS.index(unit):
        return leaf
    return pl.Datetime(unit, leaf.time_zone) if isinstance(leaf, pl.Datetime) else pl.Duration(unit)


def _replaced(kind: Any, change: Callable[[Any], Any]) -> Any:
    """A type with each part replaced that has bounds: times with a unit, decimals."""
    if isinstance(kind, pl.Datetime | pl.Duration | pl.Decimal):
        return change(kind)
    if isinstance(kind, pl.List):
        return pl.List(_replaced(kind.inner, change))
    if isinstance(kind, pl.Struct):
        return pl.Struct([pl.Field(field.name, _replaced(field.dtype, change)) for field in kind.fields])
    return kind
