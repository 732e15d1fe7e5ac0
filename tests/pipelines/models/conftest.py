"""A generated week with its models, and weeks that a test writes event by event."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from counterpoint.model import Partitions
from counterpoint.storage import Model
from streamrec.encoding import Vocabulary
from streamrec.features import daily_partials, training_features
from streamrec.ranking import ranking_model
from streamrec.retrieval import retrieval_model
from streamrec.schema import VALIDATED
from streamrec.source import raw_interactions
from streamrec.towers import Vocabularies
from streamrec.validation import validated_interactions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from counterpoint.model import Partition

    Event = tuple[str, str, str]  # user, item, kind

TODAY = Partitions().partition("2026-01-07")


@dataclass(frozen=True)
class Week:
    """What the training and evaluation of a day are given."""

    day: Partition
    features: pl.DataFrame
    interactions: dict[str, pl.DataFrame]
    held_out: pl.DataFrame

    def days(self) -> dict[str, pl.DataFrame]:
        return {**self.interactions, self.day.key: self.held_out}

    def changed(self, days: Mapping[str, pl.DataFrame]) -> Week:
        """The same week with other events on some days."""
        return week_of({**self.days(), **days})


def week_of(days: Mapping[str, pl.DataFrame]) -> Week:
    features = training_features({key: daily_partials(rows) for key, rows in days.items()}, TODAY)
    *before, today = days
    return Week(TODAY, features, {key: days[key] for key in before}, days[today])


def generated(source: str) -> Week:
    days = [Partitions().partition(str(TODAY.day - timedelta(days=back))) for back in range(6, -1, -1)]
    raw = {day: raw_interactions(day, source).rows for day in days}
    return week_of({day.key: validated_interactions(rows, day, {}, source).rows for day, rows in raw.items()})


def frame_of(events: Sequence[Event]) -> pl.DataFrame:
    """Events of one day, in the order of time; the category follows from the item's number."""
    rows = [
        {
            "user_id": user,
            "item_id": item,
            "event_type": kind,
            "watch_ms": 5,
            "device": "tv",
            "timestamp": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number),
            "category": f"c{int(item[1:]) % 3}",
        }
        for number, (user, item, kind) in enumerate(events)
    ]
    return pl.DataFrame(rows, schema=VALIDATED)


def model_with(scores: Mapping[str, Mapping[str, float]]) -> Model:
    """A two-tower model whose score of a user for an item is the one given, and 0 where none is."""
    items = sorted({item for wanted in scores.values() for item in wanted})
    words = Vocabularies(*(Vocabulary.of(pl.Series(ids, dtype=pl.String)) for ids in (list(scores), items, [])))
    table = [[scores[user].get(item, 0.0) for item in items] for user in sorted(scores)]
    width = len(items)
    weights = {
        "user": np.array([[0.0] * width, *table], dtype=np.float32),
        "item": np.concatenate([np.zeros((1, width)), np.eye(width)]).astype(np.float32),
        "category": np.zeros((1, width), dtype=np.float32),
        "taste": np.zeros((1, width), dtype=np.float32),
        "bias": np.zeros((width + 1, 1), dtype=np.float32),
    }
    return Model({**weights, **words.arrays()}, {})


@pytest.fixture(scope="session")
def today() -> Partition:
    return TODAY


@pytest.fixture(scope="session")
def written() -> Callable[[Sequence[Sequence[Event]]], Week]:
    """A week of the days given, the last one being held out."""

    def write(days: Sequence[Sequence[Event]]) -> Week:
        keys = [str(TODAY.day - timedelta(days=len(days) - 1 - n)) for n in range(len(days))]
        return week_of({key: frame_of(events) for key, events in zip(keys, days, strict=True)})

    return write


@pytest.fixture(scope="session")
def model_of() -> Callable[[Mapping[str, Mapping[str, float]]], Model]:
    return model_with


@pytest.fixture(scope="session")
def generate() -> Callable[[str], Week]:
    return generated


@pytest.fixture(scope="session")
def week() -> Week:
    return generated("synthetic:rows=6000,users=400,items=300")


@pytest.fixture(scope="session")
def purchases(week: Week) -> Week:
    """The same week as a log of nothing but plays, where all negatives are drawn."""
    plays = {key: rows.filter(pl.col("event_type") == "play") for key, rows in week.days().items()}
    return week.changed(plays)


@pytest.fixture(scope="session")
def empty(week: Week) -> Week:
    """A week without events."""
    return week_of({key: rows.clear() for key, rows in week.days().items()})


@pytest.fixture(scope="session")
def train_retrieval() -> Callable[..., Model]:
    return lambda week, seed=7, **settings: retrieval_model(week.features, week.interactions, week.day, settings, seed)


@pytest.fixture(scope="session")
def train_ranking() -> Callable[..., Model]:
    return lambda week, seed=7, **settings: ranking_model(week.features, week.interactions, week.day, settings, seed)


@pytest.fixture(scope="session")
def retrieval(week: Week, train_retrieval: Callable[..., Model]) -> Model:
    return train_retrieval(week)


@pytest.fixture(scope="session")
def ranking(week: Week, train_ranking: Callable[..., Model]) -> Model:
    return train_ranking(week)
