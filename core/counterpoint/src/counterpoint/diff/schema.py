"""The columns that can be compared, and the types in which they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from counterpoint.diff.report import SchemaDiff, TypeChange
from counterpoint.diff.types import as_type, common
from counterpoint.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from counterpoint.diff.report import Options


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns that are compared, each with the type that both sides are cast to.

    Within a comparison the columns are called v0, v1, ..., so that they cannot clash with a table's names.
    """

    names: tuple[str, ...]
    types: tuple[Any, ...]

    def aligned(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """These columns of a table, in their common types."""
        import polars as pl

        schema = rows.collect_schema()
        cells = [as_type(pl.col(n), schema[n], t) for n, t in zip(self.names, self.types, strict=True)]
        return rows.select([cell.alias(alias) for cell, alias in zip(cells, self.all, strict=True)])

    @property
    def all(self) -> list[str]:
        """The names of the columns within a comparison."""
        return [f"v{number}" for number in range(len(self.names))]

    def of(self, names: Sequence[str]) -> list[str]:
        """The names of some columns within a comparison."""
        return [f"v{self.names.index(name)}" for name in names]


def compare_schemas(left: pl.Schema, right: pl.Schema) -> tuple[SchemaDiff, Layout]:
    """The differences of two schemas, and the columns whose values can be compared, in the left table's order."""
    both = [name for name in left if name in right]
    types = {name: common(left[name], right[name]) for name in both}
    changes = tuple(
        TypeChange(name, str(left[name]), str(right[name]), types[name] is not None)
        for name in both
        if left[name] != right[name]
    )
    differences = SchemaDiff(
        tuple(n for n in left if n not in right), tuple(n for n in right if n not in left), changes
    )
    comparable = [name for name in both if types[name] is not None]
    return differences, Layout(tuple(comparable), tuple(types[name] for name in comparable))


def check(options: Options, left: pl.Schema, right: pl.Schema, layout: Layout) -> None:
    """Refuses a key or a tolerance that does not fit the tables.

    Raises:
        UsageError: A column is missing, or its type does not fit; names the existing columns.
    """
    for name in options.key:
        _present(name, left, right, "--key")
        if name not in layout.names:
            raise UsageError(f"--key {name} is {left[name]} left and {right[name]} right: cast one, or choose another")
        if left[name].is_nested():
            raise UsageError(f"--key {name} is {left[name]}: take columns of plain values")
    tolerance = options.tolerance
    named = (("--tolerance", tolerance.columns), ("--relative-tolerance", tolerance.relative_columns))
    for option, name in ((option, name) for option, columns in named for name in columns):
        _present(name, left, right, option)
        if not (left[name].is_numeric() and right[name].is_numeric()):
            raise UsageError(f"{option} {name} is {left[name]}: only a column of numbers has a tolerance")


def _present(name: str, left: pl.Schema, right: pl.Schema, option: str) -> None:
    for side, schema in (("left", left), ("right", right)):
        if name not in schema:
            raise UsageError(f"{option} {name}: the {side} table has no such column, it has {', '.join(schema)}")
