"""A model finds what the generator planted, and nothing where nothing was planted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

pytestmark = pytest.mark.torch

from streamrec.evaluation import ranking_evaluation, retrieval_evaluation

if TYPE_CHECKING:
    from collections.abc import Callable

    from counterpoint.storage import Model

    from .conftest import Week

SIZE = "synthetic:rows=6000,users=400,items=300"  # the smallest at which every seed tried agrees
RECALL = "all.recall@20"


@pytest.fixture(scope="module")
def popular(generate: Callable[[str], Week]) -> Week:
    """A week in which taste decides nothing: popularity is all there is to learn."""
    return generate(f"{SIZE},affinity=0")


def judged(week: Week, model: Model) -> tuple[dict[str, float], dict[str, float]]:
    found: dict[str, Any] = retrieval_evaluation(model, week.features, week.interactions, week.held_out, week.day, {})
    return found["model"], found["popularity"]


@pytest.mark.parametrize("seed", [1, 2])
def test_retrieval_beats_popularity_by_far_where_taste_decides(
    seed: int, week: Week, train_retrieval: Callable[..., Model]
) -> None:
    model, popularity = judged(week, train_retrieval(week, seed))
    assert model["new.recall@20"] > 1.5 * popularity["new.recall@20"]
    assert model["all.ndcg@20"] > 2 * popularity["all.ndcg@20"]
    assert model[RECALL] > popularity[RECALL] + 0.35


@pytest.mark.parametrize("seed", [1, 2])
def test_retrieval_does_not_beat_popularity_where_nothing_else_decides(
    seed: int, popular: Week, train_retrieval: Callable[..., Model]
) -> None:
    model, popularity = judged(popular, train_retrieval(popular, seed))
    assert model[RECALL] < popularity[RECALL]
    assert popularity[RECALL] > 0.3  # there is something to find


def test_another_world_is_learned_as_well(
    generate: Callable[[str], Week], train_retrieval: Callable[..., Model]
) -> None:
    week = generate(f"{SIZE},seed=11")
    model, popularity = judged(week, train_retrieval(week))
    assert model[RECALL] > 2 * popularity[RECALL]


def test_the_loss_falls(retrieval: Model, ranking: Model) -> None:
    for model in (retrieval, ranking):
        count = sum(name.startswith("loss_") for name in model.metrics)
        losses = [model.metrics[f"loss_{epoch}"] for epoch in range(count)]
        assert losses[0] == max(losses)
        assert losses[-1] < 0.95 * losses[0]
        assert sum(losses[: count // 2]) / (count // 2) > sum(losses[-(count // 2) :]) / (count // 2)


def test_few_examples_are_seen_often_enough(week: Week, ranking: Model) -> None:
    settings = ranking.parameters["settings"]
    steps = -(-int(ranking.metrics["examples"]) // settings["batch"])
    epochs = sum(name.startswith("loss_") for name in ranking.metrics)
    assert (epochs - 1) * steps < settings["least_steps"] <= epochs * steps
    assert epochs > settings["epochs"]


def ranked(week: Week, model: Model) -> tuple[dict[str, float], dict[str, float]]:
    found = ranking_evaluation(model, week.features, week.interactions, week.held_out, week.day, 7)
    return found["model"], found["popularity"]


def test_ranking_beats_popularity_where_taste_decides(week: Week, ranking: Model) -> None:
    model, popularity = ranked(week, ranking)
    assert model["auc"] > popularity["auc"] + 0.12
    assert model["ndcg@20"] > popularity["ndcg@20"] + 0.06


def test_ranking_beats_popularity_on_a_log_of_purchases(purchases: Week, train_ranking: Callable[..., Model]) -> None:
    model, popularity = ranked(purchases, train_ranking(purchases))
    assert model["auc"] > popularity["auc"] + 0.1


def test_ranking_finds_no_taste_where_there_is_none(popular: Week, train_ranking: Callable[..., Model]) -> None:
    model, _ = ranked(popular, train_ranking(popular))
    assert 0.45 < model["auc"] < 0.57
