"""The items and users of a generated day: who is there, what they are like, how they are drawn.

Every property is a hash of seed and number: a user or an item is the same on all days on which it is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from datetime import date

    from numpy.typing import NDArray

    from streamrec.generator_config import Recipe

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

CLUSTERS = 5  # per category: structure that only an item's identity tells
_ITEM_ZIPF = 0.8
_USER_ZIPF = 0.5
_NEW_ITEMS = 0.002  # a day, as a share of all
_NEW_USERS = 0.005
_EPOCH = 733_773  # the ordinal of 2010-01-01: day 0, on which ids start at 0
_WITHIN = (0.6, 0.85)  # of taste: the first cluster, the rest of its category, the second cluster


def hashed(seed: int, stream: int, numbers: Integers) -> Floats:
    """Uniform numbers in [0, 1), one for each number: the finaliser of SplitMix64 (Steele et al., 2014)."""
    offset = (seed * 0x9E3779B97F4A7C15 + stream * 0xD1B54A32D192ED03) & 0xFFFFFFFFFFFFFFFF
    mixed = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(offset)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    uniform: Floats = (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return uniform


def _present(day: date, size: int, share: float) -> Integers:
    """The numbers that are there on a day: some leave and as many arrive each day."""
    first = int((day.toordinal() - _EPOCH) * size * share)
    return np.arange(first, first + size, dtype=np.int64)


def _zipf(order: Floats, exponent: float) -> Floats:
    """Weights by rank, the ranks being those of `order`."""
    ranks = np.empty(len(order))
    ranks[np.argsort(order, kind="stable")] = np.arange(1, len(order) + 1)
    weights: Floats = ranks**-exponent
    return weights


class Population:
    """The users of a day, with their activity and their taste."""

    def __init__(self, recipe: Recipe, day: date) -> None:
        self._recipe = recipe
        self._users = _present(day, recipe.users, _NEW_USERS)
        self._cumulative = np.cumsum(_zipf(hashed(recipe.seed, 1, self._users), _USER_ZIPF))

    def draw(self, uniform: Floats) -> Integers:
        """Users by activity, one for each uniform number."""
        found = np.searchsorted(self._cumulative, uniform * self._cumulative[-1], side="right")
        users: Integers = self._users[np.minimum(found, len(self._users) - 1)]
        return users

    def taste(self, users: Integers) -> Integers:
        """The first and the second cluster of every user: shape (2, users)."""
        clusters = self._recipe.categories * CLUSTERS
        return np.stack([(hashed(self._recipe.seed, n, users) * clusters).astype(np.int64) for n in (2, 3)])


class Catalogue:
    """The items of a day, ordered by cluster: their numbers, categories, and lengths in seconds."""

    def __init__(self, recipe: Recipe, day: date) -> None:
        present = _present(day, recipe.items, _NEW_ITEMS)
        clusters = (hashed(recipe.seed, 4, present) * recipe.categories * CLUSTERS).astype(np.int64)
        order = np.argsort(clusters, kind="stable")
        self.items = present[order]
        self.clusters = clusters[order]
        self.categories = self.clusters // CLUSTERS
        self.lengths = 20.0 + 580.0 * hashed(recipe.seed, 5, self.items) ** 2
        weights = _zipf(hashed(recipe.seed, 6, self.items), _ITEM_ZIPF)
        self._cumulative = np.concatenate([[0.0], np.cumsum(weights)])
        self._bounds = np.searchsorted(self.clusters, np.arange(recipe.categories * CLUSTERS + 1))

    def draw(self, taste: Integers, affinity: float, uniform: Floats) -> Integers:
        """Positions of items, by popularity within what was chosen: a cluster, a category, or everything.

        `taste` has shape (2, n), `uniform` (3, n).
        """
        first, after = self._choice(taste, uniform[1])
        everything = (uniform[0] >= affinity) | (first == after)
        low = self._cumulative[np.where(everything, 0, first)]
        high = self._cumulative[np.where(everything, len(self.items), after)]
        found = np.searchsorted(self._cumulative, low + uniform[2] * (high - low), side="right") - 1
        positions: Integers = np.minimum(found, len(self.items) - 1)
        return positions

    def _choice(self, taste: Integers, uniform: Floats) -> tuple[Integers, Integers]:
        """The range of positions that a taste leads to: [first, after)."""
        category = taste[0] // CLUSTERS * CLUSTERS
        places = [uniform < _WITHIN[0], uniform < _WITHIN[1]]
        first = np.select(places, [taste[0], category], taste[1])
        after = np.select(places, [taste[0] + 1, category + CLUSTERS], taste[1] + 1)
        return self._bounds[first], self._bounds[after]

    def match(self, taste: Integers, chosen: Integers) -> Floats:
        """How well items meet tastes: 1 in one of the clusters, 0.6 in the first one's category, else 0."""
        clusters = self.clusters[chosen]
        places = [
            (clusters == taste[0]) | (clusters == taste[1]),
            clusters // CLUSTERS == taste[0] // CLUSTERS,
        ]
        return np.select(places, [1.0, 0.6], 0.0)
