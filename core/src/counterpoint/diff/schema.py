"""Which columns can be compared, and as what type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from counterpoint.diff.report import SchemaDiff, TypeChange
from counterpoint.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from counterpoint.diff.report import Options

_TEXTS = frozenset(("String", "Categorical", "Enum"))
_WIDE = frozenset(("UInt64", "Int128", "UInt128"))
_UNITS = ("ns", "us", "ms")


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns that are compared, each with the type that both sides are cast to.

    Within a comparison the columns are called v0, v1, ..., so that no name of a table is in the way.
    """

    names: tuple[str, ...]
    types: tuple[Any, ...]

    def aligned(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """These columns of a table, in their common types."""
        import polars as pl

        given = rows.collect_schema()
        cells = [pl.col(n) if given[n] == t else pl.col(n).cast(t) for n, t in zip(self.names, self.types, strict=True)]
        return rows.select([cell.alias(alias) for cell, alias in zip(cells, self.all, strict=True)])

    @property
    def all(self) -> list[str]:
        """The columns as they are called within a comparison."""
        return [f"v{number}" for number in range(len(self.names))]

    def of(self, names: Sequence[str]) -> list[str]:
        """Some columns as they are called within a comparison."""
        return [f"v{self.names.index(name)}" for name in names]


def compare_schemas(left: pl.Schema, right: pl.Schema) -> tuple[SchemaDiff, Layout]:
    """How two schemas differ, and the columns of which the values can be compared, in the left table's order."""
    both = [name for name in left if name in right]
    types = {name: common(left[name], right[name]) for name in both}
    changes = tuple(
        TypeChange(name, str(left[name]), str(right[name]), types[name] is not None)
        for name in both
        if left[name] != right[name]
    )
    found = SchemaDiff(tuple(n for n in left if n not in right), tuple(n for n in right if n not in left), changes)
    comparable = [name for name in both if types[name] is not None]
    return found, Layout(tuple(comparable), tuple(types[name] for name in comparable))


def common(left: Any, right: Any) -> Any:
    """The type in which values of both types are compared, or None when they are not alike.

    Alike are integers of any width, floats of any width, text and categories, decimals, moments with a zone (as
    instants), moments without one, durations, and lists and structs of what is alike.
    """
    import polars as pl

    for one, other in ((left, right), (right, left)):
        if one == pl.Null:
            return common(other, other) if other != pl.Null else other
    if type(left).__name__ in _TEXTS and type(right).__name__ in _TEXTS:
        return pl.String()
    if isinstance(left, pl.List | pl.Array | pl.Struct):
        return _nested(left, right)
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


def _nested(left: Any, right: Any) -> Any:
    import polars as pl

    if isinstance(left, pl.Struct):
        if not isinstance(right, pl.Struct) or [f.name for f in left.fields] != [f.name for f in right.fields]:
            return None
        inner = [common(one.dtype, other.dtype) for one, other in zip(left.fields, right.fields, strict=True)]
        named = zip(left.fields, inner, strict=True)
        return None if None in inner else pl.Struct([pl.Field(field.name, kind) for field, kind in named])
    if not isinstance(right, pl.List | pl.Array):
        return None
    if isinstance(left, pl.Array) and isinstance(right, pl.Array) and left.shape != right.shape:
        return None
    item = common(left.inner, right.inner)
    return None if item is None else pl.List(item)


def check(options: Options, left: pl.Schema, right: pl.Schema, layout: Layout) -> None:
    """Refuses a key or a tolerance that these tables cannot be compared by.

    Raises:
        UsageError: a column is missing or of a type that is none for it; says which there are.
    """
    for name in options.key:
        _present(name, left, right, "--key")
        if name not in layout.names:
            raise UsageError(f"--key {name} is {left[name]} left and {right[name]} right: cast one, or choose another")
        if left[name].is_nested():
            raise UsageError(f"--key {name} is {left[name]}: take columns of plain values")
    for name in options.tolerance.columns:
        _present(name, left, right, "--tolerance")
        if not (left[name].is_numeric() and right[name].is_numeric()):
            raise UsageError(f"--tolerance {name} is {left[name]}: only a column of numbers has a tolerance")


def _present(name: str, left: pl.Schema, right: pl.Schema, option: str) -> None:
    for side, schema in (("left", left), ("right", right)):
        if name not in schema:
            raise UsageError(f"{option} {name}: the {side} table has no such column, it has {', '.join(schema)}")
