"""What a model is told of an example lies before the example's own day; day t is not trained on."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from counterpoint.storage.models import encode
from streamrec.encoding import Vocabulary
from streamrec.examples import examples_of, positives_of
from streamrec.pipeline import pipeline
from streamrec.ranking import ENTITIES, inputs_of, training_examples
from streamrec.retrieval import pairs_of, vocabularies
from streamrec.schema import COUNTS, EVENT_TYPES, SUMS

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from counterpoint.storage import Model

    from .conftest import Week

DAYS = [f"2026-01-0{n}" for n in range(1, 8)]
DEVICES = Vocabulary.of(pl.Series(["mobile", "tablet", "tv", "web"]))


def crowded(events: pl.DataFrame) -> pl.DataFrame:
    """The events of a day, and after them each user's impression of an item that another user met."""
    others = events.select(pl.col("item_id", "category").shift(17).fill_null(strategy="backward"))
    late = pl.col("timestamp").max()
    more = events.drop("item_id", "category").with_columns(late, pl.lit("impression").alias("event_type"))
    return pl.concat([events, pl.concat([more, others], how="horizontal").select(events.columns)])


def reversed_items(events: pl.DataFrame) -> pl.DataFrame:
    """The events of a day with other items, all played: another future."""
    return events.with_columns(pl.col("item_id", "category").reverse(), pl.lit("play").alias("event_type"))


def training_of(week: Week, day: str) -> pl.DataFrame:
    return examples_of(week.days()[day], day)


@pytest.mark.parametrize("day", DAYS)
def test_what_else_happens_on_the_day_changes_no_input_of_its_examples(week: Week, day: str) -> None:
    """Neither what a feature says nor which features there are."""
    other = week.changed({day: crowded(week.days()[day])})
    examples = training_of(week, day)
    assert len(training_of(other, day)) > 1.2 * len(examples)
    assert np.array_equal(inputs_of(examples, week.features, DEVICES), inputs_of(examples, other.features, DEVICES))


@pytest.mark.parametrize("day", DAYS)
def test_what_else_happens_on_the_day_changes_no_taste(week: Week, day: str) -> None:
    other = week.changed({day: crowded(week.days()[day])})
    positives = positives_of({day: week.days()[day]})
    words = vocabularies(positives, positives)
    first, second = (pairs_of(positives, one.features, words) for one in (week, other))
    assert np.array_equal(first.tastes, second.tastes)
    assert first.tastes.any() == (day != DAYS[0])


@pytest.mark.parametrize("day", DAYS[:-1])
def test_another_future_changes_no_input_of_the_past(week: Week, day: str) -> None:
    later = {key: reversed_items(rows) for key, rows in week.days().items() if key >= day}
    other = week.changed(later)
    examples = training_of(week, day)
    assert np.array_equal(inputs_of(examples, week.features, DEVICES), inputs_of(examples, other.features, DEVICES))
    if day > DAYS[1]:
        before = training_of(week, DAYS[1])
        assert np.array_equal(inputs_of(before, week.features, DEVICES), inputs_of(before, other.features, DEVICES))


@pytest.mark.parametrize("name", ["week", "purchases"])
def test_inputs_are_the_sums_of_the_days_before_counted_event_by_event(
    name: str, request: pytest.FixtureRequest
) -> None:
    """Also of drawn negatives, whose item nobody may have met on that day."""
    week: Week = request.getfixturevalue(name)
    examples = training_examples(week.features, week.interactions, week.day, 600_000, 7).sample(60, seed=1)
    expected = [counted(week, row) for row in examples.iter_rows(named=True)]
    sums = inputs_of(examples, week.features, DEVICES)[:, : len(ENTITIES) * len(SUMS)]
    np.testing.assert_allclose(sums, np.log1p(expected), rtol=1e-6)
    assert np.count_nonzero(expected) > len(expected)


def counted(week: Week, example: dict[str, str | date]) -> list[int]:
    """The sums of one example, from the events themselves."""
    rows: list[int] = []
    for keys in ENTITIES.values():
        same = [pl.col(key) == example[key] for key in keys]
        days = [events.filter(*same) for key, events in week.days().items() if key < str(example["as_of"])]
        kinds = [sum(int((day["event_type"] == kind).sum()) for day in days) for kind in EVENT_TYPES]
        rows += [*kinds, sum(int(day["watch_ms"].sum()) for day in days), sum(not day.is_empty() for day in days)]
    assert len(SUMS) == len(COUNTS) + 2
    return rows


def test_ranking_trains_on_days_that_have_a_past(week: Week) -> None:
    found = training_examples(week.features, week.interactions, week.day, 600_000, 7)
    assert found["as_of"].unique().sort().to_list() == [week.day.day - timedelta(days=n) for n in range(5, 0, -1)]


def test_no_more_examples_than_asked_for_and_of_every_day(week: Week) -> None:
    found = training_examples(week.features, week.interactions, week.day, 3_000, 7)
    assert 2_700 < len(found) < 3_300
    assert found["as_of"].n_unique() == 5


@pytest.mark.parametrize("model", ["retrieval", "ranking"])
def test_training_has_no_edge_to_the_held_out_day_and_evaluation_has(model: str) -> None:
    trained, judged = windows_of(f"{model}_model"), windows_of(f"{model}_evaluation")
    assert trained["interactions"] == judged["interactions"] == (-6, -1)
    assert "held_out" not in trained
    assert judged["held_out"] is None


def windows_of(name: str) -> dict[str, tuple[int, int] | None]:
    inputs = next(step.inputs for step in pipeline.steps if step.name == name)
    return {one.parameter: (one.window.first, one.window.last) if one.window else None for one in inputs}


@pytest.mark.torch
@pytest.mark.parametrize("name", ["train_retrieval", "train_ranking"])
def test_a_model_is_the_same_whatever_happens_on_the_held_out_day(
    name: str, week: Week, request: pytest.FixtureRequest
) -> None:
    train: Callable[..., Model] = request.getfixturevalue(name)
    other = week.changed({week.day.key: reversed_items(week.held_out)})
    assert encode(train(week, epochs=1)) == encode(train(other, epochs=1))


@pytest.mark.torch
def test_a_model_is_another_when_the_day_before_is(week: Week, train_retrieval: Callable[..., Model]) -> None:
    other = week.changed({DAYS[5]: reversed_items(week.interactions[DAYS[5]])})
    assert encode(train_retrieval(week, epochs=1)) != encode(train_retrieval(other, epochs=1))
