"""Digests of content: equal for equal content, wherever and in whatever order it was made."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from counterpoint.storage.kinds import as_stored

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

    from counterpoint.storage.models import Model


def json_digest(value: Any, *, is_sorted: bool = False) -> str:
    """The sha256 of a JSON value, whose keys are sorted first, unless `is_sorted` says that they are.

    Keys that are numbers are sorted as numbers but stored as text, so a stored value is digested in its stored order.
    """
    text = json.dumps(value, sort_keys=not is_sorted, separators=(",", ":"), allow_nan=False)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def canonical(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows as a table stores them, in one chunk and a fixed order, with one NaN and no negative zero."""
    import polars as pl

    frame = as_stored(frame)
    floats = [name for name, kind in frame.schema.items() if kind.is_float()]
    zero = [pl.when(pl.col(n) == 0).then(0.0).otherwise(pl.col(n)).cast(frame.schema[n]).alias(n) for n in floats]
    same = frame.with_columns([z.fill_nan(float("nan")) for z in zero])
    return same.sort(sorted(frame.columns), nulls_last=True).rechunk() if frame.columns else same


def content_digest(frame: pl.DataFrame, *, is_canonical: bool = False) -> str:
    """The sha256 of a table's content: names, types, values and nulls, whatever the order of rows and columns."""
    rows = frame if is_canonical else canonical(frame)
    digest = hashlib.sha256(f"{rows.height}".encode())
    for name in sorted(rows.columns):
        series = rows.get_column(name)
        digest.update(f"\0{name}\0{series.dtype}\0".encode())
        for part in _parts(series):
            digest.update(part)
    return f"sha256:{digest.hexdigest()}"


def _parts(series: pl.Series) -> Iterator[bytes]:
    """Nulls and values of a column as bytes, level by level if it is nested."""
    import numpy as np
    import polars as pl

    yield np.packbits(series.is_null().to_numpy()).tobytes()
    if isinstance(series.dtype, pl.List):
        lengths = series.list.len()
        yield from _buffers(lengths)
        yield from _parts(series.filter(lengths > 0).explode())
    elif isinstance(series.dtype, pl.Struct):
        for field in series.struct.fields:
            yield from _parts(series.struct.field(field))
    else:
        yield from _buffers(series)


def _buffers(series: pl.Series) -> list[bytes]:
    """The values of a flat column as bytes, nulls as zero or empty: fixed width, or lengths and text."""
    import numpy as np
    import polars as pl

    kind = series.dtype
    if isinstance(kind, (pl.Categorical, pl.Enum, pl.Decimal, pl.Null)):
        series = series.cast(pl.String)
    if series.dtype in (pl.String, pl.Binary):
        is_text = series.dtype == pl.String
        filled = series.fill_null("" if is_text else b"")
        lengths = filled.str.len_bytes() if is_text else filled.bin.size()
        return [lengths.cast(pl.UInt32).to_numpy().tobytes(), _text(filled)]
    physical = series.to_physical()
    values = (physical.cast(pl.UInt8) if physical.dtype == pl.Boolean else physical).fill_null(0).to_numpy()
    if kind.is_float():
        values = np.where(np.isnan(values), np.array(np.nan, values.dtype), values) + np.array(0, values.dtype)
    return [np.ascontiguousarray(values).tobytes()]


def _text(series: pl.Series) -> bytes:
    import numpy as np
    import polars as pl

    array = series.to_arrow(compat_level=pl.CompatLevel.oldest())
    chunks = array.chunks if hasattr(array, "chunks") else [array]
    parts = []
    for chunk in chunks:
        offsets = np.frombuffer(chunk.buffers()[1], dtype=np.int64)[chunk.offset : chunk.offset + len(chunk) + 1]
        data = chunk.buffers()[2]
        parts.append(b"" if data is None else bytes(memoryview(data)[offsets[0] : offsets[-1]]))
    return b"".join(parts)


def model_digest(model: Model) -> str:
    """The sha256 of a model: names, types, shapes and bytes of its weights, its parameters and metrics."""
    import numpy as np

    digest = hashlib.sha256(json_digest([dict(model.parameters), dict(model.metrics)]).encode())
    for name in sorted(model.weights):
        array = np.asarray(model.weights[name], order="C")
        digest.update(f"\0{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        digest.update(array.tobytes())
    return f"sha256:{digest.hexdigest()}"
