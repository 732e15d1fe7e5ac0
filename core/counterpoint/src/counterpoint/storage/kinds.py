"""The types that tables store; others are widened or refused, so that a table reads back what was digested."""

from __future__ import annotations

from typing import TYPE_CHECKING

from counterpoint.errors import StepError

if TYPE_CHECKING:
    import polars as pl

_WIDER = {"UInt8": "Int16", "UInt16": "Int32", "UInt32": "Int64", "UInt64": "Int64"}
_STORED_TYPES = frozenset(
    ("Int8", "Int16", "Int32", "Int64", "Float32", "Float64", "Decimal", "Boolean", "Date", "Null")
)
_TEXTS = frozenset(("String", "Categorical", "Enum", "Binary"))


def as_stored(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame in types that a table stores: unsigned integers one size wider, arrays as lists, times in us and UTC.

    Raises:
        StepError: A column has a type, or holds a number, that no table stores.
    """
    import polars as pl

    kinds = {name: _stored(name, kind) for name, kind in frame.schema.items()}
    changed = {name: kind for name, kind in kinds.items() if kind != frame.schema[name]}
    try:
        return frame.cast(changed) if changed else frame  # type: ignore[arg-type]
    except pl.exceptions.InvalidOperationError as error:
        raise StepError(f"no table keeps these numbers: {str(error).splitlines()[0]}; cast them") from error


def _stored(column: str, kind: pl.DataType) -> pl.DataType:
    import polars as pl

    if isinstance(kind, (pl.List, pl.Array)):
        return pl.List(_of(column, kind.inner))
    if isinstance(kind, pl.Struct):
        return pl.Struct([pl.Field(field.name, _of(column, field.dtype)) for field in kind.fields])
    if isinstance(kind, pl.Datetime):
        return pl.Datetime("us", "UTC" if kind.time_zone else None)
    name = type(kind).__name__
    if name not in _STORED_TYPES | _TEXTS and name not in _WIDER:
        raise StepError(f"column {column} is of type {kind}, which no table keeps: cast it, to Int64 or String")
    wider: pl.DataType = getattr(pl, _WIDER[name])() if name in _WIDER else kind
    return wider


def _of(column: str, kind: object) -> pl.DataType:
    """A nested type, which may be given by its class."""
    return _stored(column, kind() if isinstance(kind, type) else kind)  # type: ignore[arg-type]
