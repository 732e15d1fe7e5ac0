"""Compatible types of columns, and casts between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

_TEXTS = frozenset(("String", "Categorical", "Enum"))
_WIDE = frozenset(("UInt64", "Int128", "UInt128"))
_UNITS = ("ns", "us", "ms")


def common(left: Any, right: Any, *, merge: bool = False) -> Any:
    """The type in which values of both types are compared, or None when they are not compatible.

    Compatible are integers of any width, floats of any width, text and categories, decimals, times with a zone (as
    instants), times without one, durations, and lists and structs of compatible types. Structs must have the same
    fields, in any order; with `merge` the result has the fields of both.
    """
    import polars as pl

    for one, other in ((left, right), (right, left)):
        if one == pl.Null:
            return common(other, other, merge=merge) if other != pl.Null else other
    if type(left).__name__ in _TEXTS and type(right).__name__ in _TEXTS:
        return pl.String()
    if isinstance(left, pl.List | pl.Array | pl.Struct):
        return _nested(left, right, merge=merge)
    return left if left == right else _wider(left, right)


def _wider(left: Any, right: Any) -> Any:
    import polars as pl

    if left.is_integer() and right.is_integer():
        return pl.Int128() if {str(left), str(right)} & _WIDE else pl.Int64()
    if left.is_float() and right.is_float():
        return pl.Float64()
    return _finest(left, right)


def _finest(left: Any, right: Any) -> Any:
    import polars as pl

    if isinstance(left, pl.Decimal) and isinstance(right, pl.Decimal):
        return pl.Decimal(38, max(left.scale, right.scale))
    if isinstance(left, pl.Datetime) and isinstance(right, pl.Datetime):
        alike = (left.time_zone is None) == (right.time_zone is None)
        return pl.Datetime(_finer(left, right), "UTC" if left.time_zone else None) if alike else None
    if isinstance(left, pl.Duration) and isinstance(right, pl.Duration):
        return pl.Duration(_finer(left, right))
    return None


def _finer(left: Any, right: Any) -> Any:
    return min(left.time_unit, right.time_unit, key=_UNITS.index)


def _nested(left: Any, right: Any, *, merge: bool) -> Any:
    import polars as pl

    if isinstance(left, pl.Struct):
        return _struct(left, right, merge=merge)
    if not isinstance(right, pl.List | pl.Array):
        return None
    if isinstance(left, pl.Array) and isinstance(right, pl.Array) and left.shape != right.shape:
        return None
    item = common(left.inner, right.inner, merge=merge)
    return None if item is None else pl.List(item)


def _struct(left: Any, right: Any, *, merge: bool) -> Any:
    import polars as pl

    if not isinstance(right, pl.Struct):
        return None
    ours, theirs = ({field.name: field.dtype for field in side.fields} for side in (left, right))
    if ours.keys() != theirs.keys() and not merge:
        return None
    kinds = {n: common(ours.get(n, pl.Null()), theirs.get(n, pl.Null()), merge=merge) for n in {**ours, **theirs}}
    return None if None in kinds.values() else pl.Struct([pl.Field(name, kind) for name, kind in kinds.items()])


def as_type(cell: pl.Expr, given: Any, wanted: Any) -> pl.Expr:
    """A column cast to a type that holds its values; fields that a struct lacks are null."""
    import polars as pl

    if given == wanted:
        return cell
    if isinstance(given, pl.Struct) and isinstance(wanted, pl.Struct):
        own = {field.name: field.dtype for field in given.fields}
        parts = [
            as_type(cell.struct.field(f.name), own[f.name], f.dtype).alias(f.name)
            if f.name in own
            else pl.lit(None, f.dtype).alias(f.name)
            for f in wanted.fields
        ]
        return pl.when(cell.is_not_null()).then(pl.struct(parts))
    if isinstance(given, pl.Array) and isinstance(wanted, pl.List):
        return as_type(cell.arr.to_list(), pl.List(given.inner), wanted)
    if isinstance(given, pl.List) and isinstance(wanted, pl.List):
        return cell.list.eval(as_type(pl.element(), given.inner, wanted.inner))
    if isinstance(given, pl.Datetime) and isinstance(wanted, pl.Datetime) and wanted.time_zone and not given.time_zone:
        return cell.dt.replace_time_zone("UTC").cast(wanted)
    return _text(cell, given) if wanted == pl.String else cell.cast(wanted)


def _text(cell: pl.Expr, given: Any) -> pl.Expr:
    """A text that is the same for equal values, whatever their unit or scale."""
    import polars as pl

    if isinstance(given, pl.Datetime):
        moment = cell.dt.convert_time_zone("UTC") if given.time_zone else cell
        return moment.dt.strftime("%Y-%m-%d %H:%M:%S%.9f")
    if isinstance(given, pl.Duration):
        nanos = cell.cast(pl.Int64).cast(pl.Int128) * {"ns": 1, "us": 1000, "ms": 1_000_000}[given.time_unit]
        return nanos.cast(pl.String) + pl.lit(" ns")
    text = cell.cast(pl.String)
    return text.str.replace(r"\.?0+$", "") if isinstance(given, pl.Decimal) and given.scale else text
