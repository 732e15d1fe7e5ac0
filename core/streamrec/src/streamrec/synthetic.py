"""A seeded generator of events with planted structure, so that a model can be shown to learn.

What is planted: Zipf popularity of items; users with a taste (one cluster of items, its category, and a
second cluster); a daily rhythm; sessions of impressions, each the start of a funnel click, play, complete,
like; users and items that arrive and leave over the days; late, duplicate and malformed rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from streamrec.catalogue import Catalogue, Population
from streamrec.noise_injection import with_flaws
from streamrec.schema import EVENT_TYPES, STAMP

if TYPE_CHECKING:
    from datetime import date

    from numpy.typing import NDArray

    from counterpoint.model import Partition
    from streamrec.generator_config import Recipe

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

DEVICES = ("mobile", "tv", "web", "tablet")
_DEVICE_SHARES = np.array([0.55, 0.85, 0.96])
_PER_SESSION = 12
_DAY_SECONDS = 86_400.0
# Sessions started per hour of the day (UTC): a trough in the night, a peak in the evening.
_RHYTHM = np.array([4, 3, 2, 1, 1, 2, 3, 5, 6, 6, 6, 7, 9, 8, 7, 7, 8, 10, 13, 16, 18, 17, 12, 7], dtype=np.float64)
_CONTINUES = {"play": 0.8, "complete": 0.5, "like": 0.3}


def events(recipe: Recipe, partition: Partition) -> pl.DataFrame:
    """One day of generated events: the same recipe and day give the same rows in the same order.

    The columns are those of the raw table; `rows` of the recipe is their number.
    """
    rng = day_generator(recipe.seed, partition.day)
    impressions = _impressions(recipe, partition.day, rng)
    clean = _funnel(recipe, impressions, rng)
    return with_flaws(_table(recipe, clean, partition), recipe, partition, rng)


def day_generator(seed: int, day: date) -> np.random.Generator:
    """The random numbers of one day: PCG64, seeded from seed and date.

    Only `random()` is drawn from it: its stream is the same in every numpy release.
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, day.toordinal()])))


@dataclass(frozen=True, slots=True)
class _Events:
    """Arrays of equal length, one element an event; `seconds` since the day began."""

    users: Integers
    items: Integers
    categories: Integers
    devices: Integers
    kinds: Integers
    seconds: Floats
    watched: Floats


@dataclass(frozen=True, slots=True)
class _Impressions:
    """Arrays of equal length, one element an impression; `match` is how well it meets the taste."""

    users: Integers
    items: Integers
    categories: Integers
    devices: Integers
    seconds: Floats
    lengths: Floats
    match: Floats


def _impressions(recipe: Recipe, day: date, rng: np.random.Generator) -> _Impressions:
    # One impression yields at least 1.3 events, and a few of them lie after midnight: enough for `rows`.
    sessions = recipe.rows // _PER_SESSION + 20
    catalogue, population = Catalogue(recipe, day), Population(recipe, day)
    users = np.repeat(population.draw(rng.random(sessions)), _PER_SESSION)
    taste = population.taste(users)
    chosen = catalogue.draw(taste, recipe.affinity, rng.random((3, len(users))))
    return _Impressions(
        users=users,
        items=catalogue.items[chosen],
        categories=catalogue.categories[chosen],
        devices=np.repeat(_devices(rng.random(sessions)), _PER_SESSION),
        seconds=_moments(sessions, rng),
        lengths=catalogue.lengths[chosen],
        match=catalogue.match(taste, chosen),
    )


def _devices(draws: Floats) -> Integers:
    return np.searchsorted(_DEVICE_SHARES, draws, side="right").astype(np.int64)


def _moments(sessions: int, rng: np.random.Generator) -> Floats:
    """Seconds of the day of every impression: sessions start by the rhythm, and go on from there."""
    cumulative = np.concatenate([[0.0], np.cumsum(_RHYTHM)])
    starts = np.interp(rng.random(sessions) * cumulative[-1], cumulative, np.linspace(0.0, _DAY_SECONDS, 25))
    gaps = 10.0 + 80.0 * rng.random((sessions, _PER_SESSION))
    moments: Floats = (starts[:, None] + np.cumsum(gaps, axis=1)).ravel()
    return moments


def _funnel(recipe: Recipe, shown: _Impressions, rng: np.random.Generator) -> _Events:
    """Impressions and what follows from them, cut to `rows` in the order in which sessions were drawn."""
    draws = rng.random((6, len(shown.users)))
    clicks = draws[0] < (0.3 - 0.2 * recipe.affinity) + 0.4 * recipe.affinity * shown.match
    plays = clicks & (draws[1] < _CONTINUES["play"])
    completes = plays & (draws[2] < _CONTINUES["complete"])
    likes = completes & (draws[3] < _CONTINUES["like"])
    part = shown.lengths * (0.1 + 0.8 * draws[4])
    zero = np.zeros(len(part))
    played = shown.seconds + 4.0 + 4.0 * draws[5]
    happened = np.stack([np.ones_like(clicks), clicks, plays, completes, likes])
    seconds = np.stack(
        [shown.seconds, shown.seconds + 3.0, played, played + shown.lengths, played + shown.lengths + 2.0]
    )
    watched = np.stack([zero, zero, part, shown.lengths - part, zero])
    return _selected(recipe.rows, shown, happened & (seconds < _DAY_SECONDS), seconds, watched)


def _selected(rows: int, shown: _Impressions, happened: NDArray[np.bool_], seconds: Floats, watched: Floats) -> _Events:
    which, kinds = (found[:rows] for found in np.nonzero(happened.T))
    return _Events(
        users=shown.users[which],
        items=shown.items[which],
        categories=shown.categories[which],
        devices=shown.devices[which],
        kinds=kinds.astype(np.int64),
        seconds=seconds[kinds, which],
        watched=watched[kinds, which],
    )


def _table(recipe: Recipe, found: _Events, partition: Partition) -> pl.DataFrame:
    start = int(partition.start.timestamp()) * 1_000_000
    return pl.DataFrame(
        {
            "user_id": _names("u", found.users),
            "item_id": _names("i", found.items),
            "event_type": _words(EVENT_TYPES, found.kinds),
            "watch_seconds": np.floor(found.watched * 1000.0) / 1000.0,
            "timestamp": pl.Series(start + (found.seconds * 1e6).astype(np.int64)).cast(STAMP),
            "device": _words(DEVICES, found.devices),
            "category": _words([f"category_{n:02}" for n in range(recipe.categories)], found.categories),
        }
    ).sort("timestamp", maintain_order=True)


def _names(prefix: str, numbers: Integers) -> pl.Series:
    return pl.select(pl.lit(prefix) + pl.Series(numbers).cast(pl.String)).to_series()


def _words(words: tuple[str, ...] | list[str], codes: Integers) -> pl.Series:
    return pl.Series(list(words)).gather(codes)
