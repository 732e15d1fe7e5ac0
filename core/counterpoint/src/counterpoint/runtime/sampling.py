"""Drawing a sample of rows: the same on each machine, and one that a larger share of the same rows contains."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from counterpoint.model import OutputKind, Sample

if TYPE_CHECKING:
    from collections.abc import Iterable

    import polars as pl

    from counterpoint.runtime.context import StepContext
    from counterpoint.runtime.outputs import Checked

_BYTES = 8
_RANGE = 2.0 ** (8 * _BYTES)


def _is_first(context: StepContext) -> bool:
    """Whether a step returns a table that is made of no other step's output."""
    return not context.step.inputs and context.step.output.kind is OutputKind.TABLE


def share_of(context: StepContext) -> float:
    """The share of all rows that a step works on: what comes from outside is whole, and drawn from afterwards."""
    sample = context.request.sample
    return 1.0 if sample is None or _is_first(context) else sample.share


def drawn(context: StepContext, checked: Checked) -> Checked:
    """What is kept of what a step returned: of a table from outside the rows of the run's sample, else all."""
    sample = context.request.sample
    if sample is None or not _is_first(context):
        return checked
    return replace(checked, value=sampled(checked.value, sample))


def sampled(frame: pl.DataFrame, sample: Sample) -> pl.DataFrame:
    """The rows of a frame that belong to a sample.

    A row belongs to it by a hash of its value in the key column, or of the whole row where the frame has no such
    column. Of a frame with rows at least the row (or the key) with the lowest hash is kept.

    Args:
        frame: The rows.
        sample: The share, the key column and the seed.

    Returns:
        The rows of the sample, in their order.
    """
    import polars as pl

    if frame.is_empty():
        return frame
    if sample.key is not None and sample.key in frame.columns:
        column = frame.get_column(sample.key)
        values = column.unique()
        kept = pl.Series(_marks(map(_text, values), sample), dtype=pl.Boolean)
        return frame.filter(column.is_in(values.filter(kept).implode(), nulls_equal=True))
    rows = frame.select(sorted(frame.columns)).iter_rows()
    return frame.filter(pl.Series(_marks(map(_text, rows), sample), dtype=pl.Boolean))


def _marks(texts: Iterable[str], sample: Sample) -> list[bool]:
    hashes = [_hash(text, sample.seed) for text in texts]
    lowest = min(hashes)
    return [number < sample.share or number == lowest for number in hashes]


def _text(value: Any) -> str:
    return json.dumps(value, default=str)


def _hash(text: str, seed: int) -> float:
    """A number from 0 to 1, the same on each machine and in each release of what reads the rows."""
    digest = hashlib.blake2b(f"{seed}\0{text}".encode(), digest_size=_BYTES).digest()
    return int.from_bytes(digest) / _RANGE
