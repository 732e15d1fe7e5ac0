"""Digests of content: equal wherever, however often and in whatever order the same thing was made."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

    from counterpoint.storage.models import Model


def json_digest(value: Any) -> str:
    """The sha256 of a JSON value, independent of the order of keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def canonical(frame: pl.DataFrame) -> pl.DataFrame:
    """The same rows in one chunk and in one order, with one NaN and no negative zero; columns as given."""
    import polars as pl

    floats = [name for name, kind in frame.schema.items() if kind.is_float()]
    zero = [pl.when(pl.col(n) == 0).then(0.0).otherwise(pl.col(n)).cast(frame.schema[n]).alias(n) for n in floats]
    same = frame.with_columns([z.fill_nan(float("nan")) for z in zero])
    return same.sort(sorted(frame.columns), nulls_last=True).rechunk() if frame.columns else same


def content_digest(frame: pl.DataFrame, *, is_canonical: bool = False) -> str:
    """The sha256 of a table's content: names, types, values and nulls, whatever the order of rows and columns."""
    import numpy as np

    rows = frame if is_canonical else canonical(frame)
    digest = hashlib.sha256(f"{rows.height}".encode())
    for name in sorted(rows.columns):
        series = rows.get_column(name)
        digest.update(f"\0{name}\0{series.dtype}\0".encode())
        digest.update(np.packbits(series.is_null().to_numpy()).tobytes())
        for part in _buffers(series):
            digest.update(part)
    return f"sha256:{digest.hexdigest()}"


def _buffers(series: pl.Series) -> list[bytes]:
    """The values of a column as bytes, nulls as zero or empty: fixed width, or lengths and text."""
    import numpy as np
    import polars as pl

    if series.dtype.is_nested():
        text = series.to_frame().select(pl.struct(pl.all()).struct.json_encode()).to_series()
        return _buffers(text)
    if series.dtype in (pl.String, pl.Binary, pl.Categorical, pl.Enum):
        text = series.cast(pl.Binary if series.dtype == pl.Binary else pl.String)
        filled = text.fill_null(b"" if series.dtype == pl.Binary else "")
        lengths = filled.bin.size() if series.dtype == pl.Binary else filled.str.len_bytes()
        return [lengths.cast(pl.UInt32).to_numpy().tobytes(), _text(filled)]
    physical = series.to_physical()
    if physical.dtype == pl.Boolean:
        physical = physical.cast(pl.UInt8)
    return [np.ascontiguousarray(physical.fill_null(0).to_numpy()).tobytes()]


def _text(series: pl.Series) -> bytes:
    import numpy as np
    import polars as pl

    array = series.to_arrow(compat_level=pl.CompatLevel.oldest())
    chunks = array.chunks if hasattr(array, "chunks") else [array]
    found = []
    for chunk in chunks:
        offsets = np.frombuffer(chunk.buffers()[1], dtype=np.int64)[chunk.offset : chunk.offset + len(chunk) + 1]
        data = chunk.buffers()[2]
        found.append(b"" if data is None else bytes(memoryview(data)[offsets[0] : offsets[-1]]))
    return b"".join(found)


def model_digest(model: Model) -> str:
    """The sha256 of a model: names, types, shapes and bytes of its weights, its parameters and metrics."""
    import numpy as np

    digest = hashlib.sha256(json_digest([dict(model.parameters), dict(model.metrics)]).encode())
    for name in sorted(model.weights):
        array = np.ascontiguousarray(model.weights[name])
        digest.update(f"\0{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        digest.update(array.tobytes())
    return f"sha256:{digest.hexdigest()}"
