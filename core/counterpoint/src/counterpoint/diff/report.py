"""The results of a comparison, as plain data and as JSON."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from counterpoint.redaction import shows_rows
from counterpoint.storage.csvdialects import Dialect

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


@dataclass(frozen=True, slots=True)
class Tolerance:
    """The largest difference between equal numbers: `default`, and `columns` for some by name.

    The relative one is a share of the larger of both numbers; numbers are equal within either tolerance.
    """

    default: float = 0.0
    columns: Mapping[str, float] = field(default_factory=dict)
    relative: float = 0.0
    relative_columns: Mapping[str, float] = field(default_factory=dict)

    def of(self, name: str) -> float:
        """The absolute tolerance of a column, a tensor or a value."""
        return self.columns.get(name, self.default)

    def relative_of(self, name: str) -> float:
        """The relative tolerance of a column, a tensor or a value."""
        return self.relative_columns.get(name, self.relative)

    def only(self, names: Collection[str]) -> Tolerance:
        """The tolerance without columns of other names."""
        absolute, relative = (
            {name: value for name, value in columns.items() if name in names}
            for columns in (self.columns, self.relative_columns)
        )
        return replace(self, columns=absolute, relative_columns=relative)


@dataclass(frozen=True, slots=True)
class Options:
    """How to compare: the key (empty: determined), the tolerance, and the samples per column and per side.

    `columns` are the ones to compare beside the key (empty: all), without those to `ignore`. With `any_case`, names of
    columns match in any case. Texts may be compared in any case (`fold_case`) and without space at both ends (`trim`).
    All rows that differ are written to the file `rows_to`. `csv` is how the CSV files of both sides are written.
    """

    key: tuple[str, ...] = ()
    tolerance: Tolerance = field(default_factory=Tolerance)
    samples: int = 10
    columns: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    any_case: bool = False
    fold_case: bool = False
    trim: bool = False
    rows_to: str | None = None
    csv: tuple[Dialect, Dialect] = (Dialect(), Dialect())

    def __post_init__(self) -> None:
        if not shows_rows():  # a sample contains values of rows
            object.__setattr__(self, "samples", 0)


@dataclass(frozen=True, slots=True)
class TypeChange:
    """A column with different types on the two sides; `compared` if they are compatible and values are compared."""

    name: str
    left: str
    right: str
    compared: bool


@dataclass(frozen=True, slots=True)
class SchemaDiff:
    """Columns of one side only, and those of another type."""

    only_left: tuple[str, ...] = ()
    only_right: tuple[str, ...] = ()
    types: tuple[TypeChange, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether every column can be compared; compatible types are no difference by themselves."""
        return not (self.only_left or self.only_right) and all(change.compared for change in self.types)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        types = [{"name": t.name, "left": t.left, "right": t.right, "compared": t.compared} for t in self.types]
        return {
            "equal": self.equal,
            "only_left": [*self.only_left],
            "only_right": [*self.only_right],
            "types": types,
        }


@dataclass(frozen=True, slots=True)
class KeyUse:
    """The columns by which rows were matched; none if as a whole. `repeated_left` counts the repeated keys."""

    columns: tuple[str, ...]
    found: bool
    repeated_left: int = 0
    repeated_right: int = 0
    examples: tuple[Mapping[str, Any], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "columns": [*self.columns],
            "found": self.found,
            "duplicates": {"left": self.repeated_left, "right": self.repeated_right},
            "examples": [plain(key) for key in self.examples],
        }


@dataclass(frozen=True, slots=True)
class Rows:
    """Row counts: of each side, on one side only, and with the same key but other values."""

    left: int
    right: int
    only_left: int = 0
    only_right: int = 0
    changed: int = 0

    @property
    def equal(self) -> bool:
        """Whether each row has an equal row on the other side."""
        return not (self.only_left or self.only_right or self.changed)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {name: getattr(self, name) for name in ("left", "right", "only_left", "only_right", "changed")}


@dataclass(frozen=True, slots=True)
class ColumnDiff:
    """The changed cells of a column, and the largest difference of their numbers, or of their times in seconds.

    `matched` is the number of rows that both sides have by their key; None where rows are compared as wholes.
    """

    name: str
    changed: int
    max_abs_diff: float | None
    tolerance: float = 0.0
    matched: int | None = None

    @property
    def match_percent(self) -> float | None:
        """The share of the matched rows that are equal in this column; None where no row is matched."""
        return 100.0 * (self.matched - self.changed) / self.matched if self.matched else None

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        names = ("name", "changed", "max_abs_diff", "tolerance", "match_percent")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class Sample:
    """A changed cell, or a whole row of one side (`column` None); `kind` is changed, only_left or only_right."""

    kind: str
    key: Mapping[str, Any]
    column: str | None
    left: Any
    right: Any

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "kind": self.kind,
            "key": plain(self.key),
            "column": self.column,
            "left": plain(self.left),
            "right": plain(self.right),
        }


@dataclass(frozen=True, slots=True)
class TableDiff:
    """The differences of two tables; without key and columns if they were known to be equal without reading values."""

    schema: SchemaDiff
    rows: Rows
    columns: tuple[ColumnDiff, ...] = ()
    samples: tuple[Sample, ...] = ()
    key: KeyUse | None = None

    @property
    def equal(self) -> bool:
        """Whether schema and rows are equal."""
        return self.schema.equal and self.rows.equal

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "equal": self.equal,
            "schema": self.schema.to_dict(),
            "rows": self.rows.to_dict(),
            "columns": [column.to_dict() for column in self.columns],
            "samples": [sample.to_dict() for sample in self.samples],
            "key": self.key.to_dict() if self.key else None,
        }


def plain(value: Any) -> Any:
    """A value as JSON: other types as text, bytes as hexadecimal digits."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, bytes):
        return value.hex()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
