"""What both towers see: ids as rows, and the tastes of a user as shares over categories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from streamrec.encoding import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Array = NDArray[Any]

_INTEREST = pl.sum_horizontal(pl.col("clicks"), 2 * pl.col("plays"), 3 * pl.col("completes"), 4 * pl.col("likes"))


@dataclass(frozen=True)
class Vocabularies:
    """The users, items and categories that a model knows."""

    users: Vocabulary
    items: Vocabulary
    categories: Vocabulary

    def arrays(self) -> dict[str, Array]:
        """As arrays to be stored with the weights."""
        parts = {"users": self.users, "items": self.items, "categories": self.categories}
        return {name: array for key, part in parts.items() for name, array in part.arrays(key).items()}

    @classmethod
    def from_arrays(cls, weights: Mapping[str, Array]) -> Vocabularies:
        """The inverse of `arrays`."""
        return cls(*(Vocabulary.from_arrays(name, weights) for name in ("users", "items", "categories")))


def tastes(features: pl.DataFrame, keys: pl.DataFrame, categories: Vocabulary) -> NDArray[np.float32]:
    """The taste of each (user_id, as_of) of `keys`: shares of interest over the categories, from days before.

    Shape: keys x categories (column 0 for unknown ones). A row of zeros for a user without a past.
    """
    asked = keys.with_row_index("key")
    past = features.filter(pl.col("entity") == "user_category").with_columns(_INTEREST.alias("interest"))
    found = asked.join(past, on=["user_id", "as_of"], how="inner").filter(pl.col("interest") > 0)
    shares = np.zeros((len(keys), len(categories)), dtype=np.float32)
    columns = categories.rows(found["category"])
    np.add.at(shares, (found["key"].to_numpy(), columns), found["interest"].to_numpy().astype(np.float32))
    total = shares.sum(axis=1, keepdims=True)
    np.divide(shares, total, out=shares, where=total > 0)
    return shares
