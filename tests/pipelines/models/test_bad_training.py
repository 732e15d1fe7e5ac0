"""Training on too little: the error that says so, or a model that can be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

pytestmark = pytest.mark.torch

from counterpoint.errors import StepError, UsageError
from counterpoint.storage.models import encode
from streamrec.evaluation import ranking_evaluation, retrieval_evaluation

if TYPE_CHECKING:
    from collections.abc import Callable

    from counterpoint.storage import Model

    from .conftest import Event, Week

    Days = list[list[Event]]

ONE: Days = [[("u1", "i1", "play")]] * 3
TINY: dict[str, Days] = {
    "one user, one item": ONE,
    "one user, many items": [[("u1", f"i{n}", "play") for n in range(9)]] * 3,
    "many users, one item": [[(f"u{n}", "i1", "play") for n in range(9)]] * 3,
    "one event": [[], [("u1", "i1", "play")], [("u1", "i1", "play")]],
}


@pytest.mark.parametrize("days", TINY.values(), ids=TINY)
def test_retrieval_from_very_little_is_a_usable_model(
    days: Days, written: Callable[[Days], Week], train_retrieval: Callable[..., Model]
) -> None:
    week = written(days)
    model = train_retrieval(week)
    assert all(np.isfinite(array).all() for array in model.weights.values())
    assert encode(model)
    found = retrieval_evaluation(model, week.features, week.interactions, week.held_out, week.day, {})
    assert found["model"]["all.recall@20"] == 1.0


def test_a_last_batch_of_one_pair_is_no_obstacle(week: Week, train_retrieval: Callable[..., Model]) -> None:
    model = train_retrieval(week, epochs=1)
    size = int(model.metrics["pairs"]) - 1
    odd = train_retrieval(week, epochs=1, batch=size)
    assert np.isfinite(odd.metrics["loss_0"])
    assert odd.metrics["pairs"] == size + 1


def test_ids_of_any_letters_and_spaces_are_kept(
    written: Callable[[Days], Week], train_retrieval: Callable[..., Model]
) -> None:
    week = written([[("ü 1", "i1", "play"), ("", "i2", "play")]] * 2)
    model = train_retrieval(week)
    assert model.weights["users.bytes"].tobytes().decode() == "ü 1"
    assert len(model.weights["user"]) == 3


@pytest.mark.parametrize(
    "days", [[[], [], []], [[("u1", "i1", "click")], [("u1", "i2", "impression")], [("u1", "i1", "play")]]]
)
def test_retrieval_without_positive_events_says_so(
    days: Days, written: Callable[[Days], Week], train_retrieval: Callable[..., Model]
) -> None:
    with pytest.raises(StepError, match="retrieval_model of 2026-01-07: no positive event in 2026-01-05, 2026-01-06"):
        train_retrieval(written(days))


@pytest.mark.parametrize("days", [[[], [], []], [[("u1", "i1", "play")], [], [("u1", "i1", "play")]], [[]]])
def test_ranking_without_examples_says_so(
    days: Days, written: Callable[[Days], Week], train_ranking: Callable[..., Model]
) -> None:
    with pytest.raises(StepError, match="ranking_model of 2026-01-07: no events in"):
        train_ranking(written(days))


@pytest.mark.parametrize("days", [ONE, [[("u1", f"i{n}", "click") for n in range(9)]] * 3])
def test_ranking_with_equal_labels_says_so(
    days: Days, written: Callable[[Days], Week], train_ranking: Callable[..., Model]
) -> None:
    with pytest.raises(StepError, match=r"ranking_model of 2026-01-07: all \d+ examples have the same label"):
        train_ranking(written(days))


def test_ranking_of_one_user_is_a_usable_model(
    written: Callable[[Days], Week], train_ranking: Callable[..., Model]
) -> None:
    week = written([[("u1", "i1", "play"), ("u1", "i2", "impression")]] * 3)
    model = train_ranking(week)
    assert all(np.isfinite(array).all() for array in model.weights.values())
    found = ranking_evaluation(model, week.features, week.interactions, week.held_out, week.day, 7)
    assert np.isfinite([*found["model"].values()]).all()


@pytest.mark.parametrize("kind", ["play", "impression"])
def test_a_held_out_day_of_equal_labels_says_so(kind: str, week: Week, ranking: Model) -> None:
    today = week.held_out.with_columns(pl.lit(kind).alias("event_type"), pl.lit("i1").alias("item_id"))
    nothing = week.features.clear()  # no catalogue to draw negatives from
    with pytest.raises(StepError, match=r"all \d+ examples of the held-out day have the same label"):
        ranking_evaluation(ranking, nothing, week.interactions, today, week.day, 7)


def test_a_held_out_day_without_a_user_of_both_labels_says_so(written: Callable[[Days], Week], ranking: Model) -> None:
    week = written([[], [("u1", "i1", "play"), ("u2", "i1", "impression")]])
    with pytest.raises(StepError, match="none of 2 users has examples with both labels"):
        ranking_evaluation(ranking, week.features, week.interactions, week.held_out, week.day, 7)


@pytest.mark.parametrize("name", ["retrieval", "ranking"])
def test_an_unknown_setting_is_named(name: str, week: Week, request: pytest.FixtureRequest) -> None:
    train: Callable[..., Model] = request.getfixturevalue(f"train_{name}")
    with pytest.raises(UsageError, match=f"{name}: 'epoch' is no setting; there are .*epochs"):
        train(week, epoch=3)
