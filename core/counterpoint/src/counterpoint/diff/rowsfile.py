"""A file of all rows that differ: of each its kind, and every compared column of both sides."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Self

import polars as pl

from counterpoint.diff.report import plain
from counterpoint.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

    from counterpoint.diff.schema import Layout

SUFFIXES = (".csv", ".parquet")
_KIND, _RIGHT = "kind", "_right"


class RowsFile:
    """A CSV or Parquet file that is complete once the context ends; an error leaves no file.

    Its columns are `kind` (changed, only_left, only_right) and, for each compared column, NAME.left and NAME.right.
    """

    def __init__(self, path: Path, layout: Layout) -> None:
        self._path, self._layout = path, layout
        self._part = path.with_name(f"{path.name}.part")
        self._names = [f"{name}.{side}" for name in layout.names for side in ("left", "right")]

    def __enter__(self) -> Self:
        from pyarrow.parquet import ParquetWriter

        empty = self._shaped(pl.DataFrame(schema=dict(zip(self._layout.all, self._layout.types, strict=True))), "")
        try:
            self._part.parent.mkdir(parents=True, exist_ok=True)
            if self._is_csv:
                empty.write_csv(self._part)
            else:
                self._writer = ParquetWriter(self._part, _arrow(empty).schema)
        except OSError as error:
            raise UsageError(f"--rows {self._path} cannot be written: {error.strerror or error}") from error
        return self

    @property
    def _is_csv(self) -> bool:
        return self._path.suffix == ".csv"

    def add(self, kind: str, rows: pl.DataFrame, by: Sequence[str]) -> None:
        """Adds rows of one kind; of changed ones the right side's columns end with `_right`."""
        shaped = self._shaped(rows.sort(by, nulls_last=True) if by else rows, kind)
        if self._is_csv:
            with self._part.open("ab") as target:
                shaped.write_csv(target, include_header=False)
        elif shaped.height:
            self._writer.write_table(_arrow(shaped))

    def _shaped(self, rows: pl.DataFrame, kind: str) -> pl.DataFrame:
        left = {"changed": "", "only_left": ""}.get(kind)
        right = {"changed": _RIGHT, "only_right": ""}.get(kind)
        cells: list[pl.Expr] = []
        for number, (alias, type_) in enumerate(zip(self._layout.all, self._layout.types, strict=True)):
            for place, suffix in enumerate((left, right)):
                cell = pl.lit(None, type_) if suffix is None else pl.col(f"{alias}{suffix}")
                cells.append(self._written(cell, type_).alias(self._names[2 * number + place]))
        # not a selection of literals, which has a row also of a frame without one
        return rows.with_columns(pl.lit(kind).alias(_KIND), *cells).select(_KIND, *self._names)

    def _written(self, cell: pl.Expr, kind: Any) -> pl.Expr:
        if kind in (pl.Int128, pl.UInt128):
            return cell.cast(pl.String)
        if not self._is_csv:
            return cell
        if kind.is_nested():
            return cell.map_elements(_json, return_dtype=pl.String)
        return cell.bin.encode("hex") if kind == pl.Binary else cell

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if not self._is_csv:
            self._writer.close()
        if kind is None:
            self._part.replace(self._path)
        else:
            self._part.unlink(missing_ok=True)


def _json(value: Any) -> str:
    return json.dumps(plain(value.to_list() if isinstance(value, pl.Series) else value), ensure_ascii=False)


def _arrow(rows: pl.DataFrame) -> Any:
    return rows.to_arrow(compat_level=pl.CompatLevel.oldest())
