"""Rows of two tables, hashed and read bucket by bucket, so that memory does not grow with the tables.

Hashes have 64 bits and are computed for both sides in this process. Equal values have equal hashes: null equals null,
NaN equals NaN, and 0.0 equals -0.0.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

KEY, ROW = "key", "row"
# the number of rows whose hashes are in memory at a time
HASHED_ROWS = 16_000_000
_BUCKET = "bucket"


def key_hash(columns: Sequence[str]) -> pl.Expr:
    """The hash of some columns of a row, each with a seed of its own."""
    # not a nested `+`, whose time grows with the square of the columns
    return pl.sum_horizontal(pl.col(name).hash(seed) for seed, name in enumerate(columns))


def hashed(rows: pl.LazyFrame, columns: Sequence[str], key: Sequence[str]) -> pl.LazyFrame:
    """The rows with the hash of their key and a 63-bit hash of all `columns`."""
    row = key_hash(columns) // 2
    return rows.with_columns((key_hash(key) if key else row).alias(KEY), row.alias(ROW))


def number_of(rows: int, most: int) -> int:
    """The number of buckets with about `most` rows each."""
    return max(-(-rows // most), 1)


def paired(left: pl.LazyFrame, right: pl.LazyFrame, count: int) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """The rows of both sides, split by the hash of the key; several buckets are written to a temporary folder."""
    if count == 1:
        yield left.collect(engine="streaming"), right.collect(engine="streaming")
        return
    with TemporaryDirectory(prefix="counterpoint-diff-") as folder:
        places = [Path(folder, name) for name in ("left", "right")]
        for place, rows in zip(places, (left, right), strict=True):
            _split(rows, place, count)
        for bucket in range(count):
            yield _read(places[0], bucket, left), _read(places[1], bucket, right)


def _split(rows: pl.LazyFrame, place: Path, count: int) -> None:
    place.mkdir()
    marked = rows.with_columns((pl.col(KEY) % count).cast(pl.Int32).alias(_BUCKET))
    for number, batch in enumerate(marked.collect_batches(maintain_order=False, engine="streaming")):
        for (bucket,), part in batch.partition_by(_BUCKET, as_dict=True, include_key=False).items():
            part.write_ipc(place / f"{bucket}-{number}.arrow")


def _read(place: Path, bucket: int, rows: pl.LazyFrame) -> pl.DataFrame:
    parts = []
    for file in place.glob(f"{bucket}-*.arrow"):
        parts.append(pl.read_ipc(file))
        file.unlink()
    return pl.concat(parts) if parts else pl.DataFrame(schema=rows.collect_schema())
