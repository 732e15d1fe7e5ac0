"""Ids as row numbers: a sorted vocabulary, row 0 for whatever is not in it, stored as arrays without pickle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

UNKNOWN = 0  # the row of ids that training has not seen


@dataclass(frozen=True)
class Vocabulary:
    """Distinct ids in the order of the alphabet; the n-th (from 0) has row n + 1."""

    ids: pl.Series

    @classmethod
    def of(cls, ids: pl.Series) -> Vocabulary:
        """The vocabulary of some ids; nulls are left out."""
        return cls(ids.drop_nulls().unique().sort().rename("id"))

    def __len__(self) -> int:
        return len(self.ids) + 1

    def rows(self, ids: pl.Series) -> Ints:
        """The row of each id, `UNKNOWN` for one that is not in the vocabulary."""
        known = pl.DataFrame({"id": self.ids, "row": np.arange(1, len(self), dtype=np.int64)})
        found = ids.rename("id").to_frame().join(known, on="id", how="left", maintain_order="left")
        return found["row"].fill_null(UNKNOWN).to_numpy()

    def arrays(self, name: str) -> dict[str, NDArray[Any]]:
        """The vocabulary as two arrays: the ids' UTF-8 bytes one after the other, and where each ends."""
        text = "".join(self.ids.to_list()).encode()
        ends = self.ids.str.len_bytes().cast(pl.Int64).cum_sum().to_numpy()
        return {f"{name}.bytes": np.frombuffer(text, dtype=np.uint8).copy(), f"{name}.ends": ends.copy()}

    @classmethod
    def from_arrays(cls, name: str, weights: Mapping[str, NDArray[Any]]) -> Vocabulary:
        """The inverse of `arrays`."""
        text, ends = weights[f"{name}.bytes"].tobytes(), weights[f"{name}.ends"].tolist()
        starts = [0, *ends[:-1]]
        ids = [text[start:end].decode() for start, end in zip(starts, ends, strict=False)]
        return cls(pl.Series("id", ids, dtype=pl.String))
