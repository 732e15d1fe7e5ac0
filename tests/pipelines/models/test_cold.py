"""Users, items, categories and devices that training has not seen get a score like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

pytestmark = pytest.mark.torch

from streamrec.evaluation import ranking_evaluation, retrieval_evaluation
from streamrec.examples import catalogue_of, examples_of
from streamrec.ranking import scores_of
from streamrec.retrieval import item_vectors, user_vectors
from streamrec.towers import Vocabularies, tastes

if TYPE_CHECKING:
    from counterpoint.storage import Model

    from .conftest import Week

STRANGER = {"user_id": "who", "item_id": "what", "category": "why", "device": "fridge"}


def shares_of(week: Week, model: Model, users: list[str]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    keys = pl.DataFrame({"user_id": users}).with_columns(pl.lit(week.day.day).alias("as_of"))
    return tastes(week.features, keys, Vocabularies.from_arrays(model.weights).categories)


def test_an_unknown_user_without_a_past_gets_the_vector_of_the_average_one(week: Week, retrieval: Model) -> None:
    found = user_vectors(retrieval, pl.Series(["who", "else"]), shares_of(week, retrieval, ["who", "else"]))
    assert np.isfinite(found).all()
    assert np.array_equal(found[0], retrieval.weights["user"][0])
    assert np.array_equal(found[0], found[1])


def test_an_unknown_user_with_a_past_is_served_by_taste(week: Week, retrieval: Model) -> None:
    active = week.interactions["2026-01-06"]["user_id"].unique().sort().head(2).to_list()
    found = user_vectors(retrieval, pl.Series(["who", "else"]), shares_of(week, retrieval, active))
    assert np.isfinite(found).all()
    assert not np.array_equal(found[0], found[1])


def test_an_unknown_item_is_served_by_its_category(week: Week, retrieval: Model) -> None:
    known = catalogue_of(week.features, week.day.day)["category"].unique().sort()
    items = pl.DataFrame({"item_id": ["what", "ever", "more"], "category": [known[0], known[0], known[1]]})
    vectors, bias = item_vectors(retrieval, items)
    assert np.array_equal(vectors[0], vectors[1])
    assert not np.array_equal(vectors[0], vectors[2])
    assert np.isfinite(vectors).all()
    assert bias[0] == retrieval.weights["bias"].min()


def test_an_unknown_category_is_no_obstacle(retrieval: Model) -> None:
    vectors, bias = item_vectors(retrieval, pl.DataFrame({"item_id": ["what"], "category": ["why"]}))
    assert np.isfinite(vectors).all()
    assert np.isfinite(bias).all()


@pytest.mark.parametrize("columns", [[name] for name in STRANGER] + [list(STRANGER)])
def test_ranking_scores_strangers_within_the_bounds_of_the_others(
    columns: list[str], week: Week, ranking: Model
) -> None:
    examples = examples_of(week.held_out, week.day.key)
    strange = examples.with_columns(pl.lit(STRANGER[name]).alias(name) for name in columns)
    known, found = (scores_of(ranking, one, week.features) for one in (examples, strange))
    assert np.isfinite(found).all()
    assert np.abs(found).max() < 2 * np.abs(known).max()
    assert not np.array_equal(found, known)


def test_a_device_without_a_name_is_an_unknown_one(week: Week, ranking: Model) -> None:
    examples = examples_of(week.held_out, week.day.key)
    named, nameless = (examples.with_columns(pl.lit(one, pl.String).alias("device")) for one in ("fridge", None))
    assert np.array_equal(scores_of(ranking, named, week.features), scores_of(ranking, nameless, week.features))


def test_a_day_of_nothing_but_strangers_is_judged(week: Week, retrieval: Model, ranking: Model) -> None:
    strange = week.held_out.with_columns(("x" + pl.col(name)).alias(name) for name in ("user_id", "item_id"))
    arguments = (week.features, week.interactions, strange, week.day)
    judged = retrieval_evaluation(retrieval, *arguments, {})
    assert judged["cold_users"] == judged["users"] > 0
    assert judged["relevant_cold_items"] == judged["relevant"] > 0
    assert set(judged["model"].values()) == {0.0}
    assert "repeat.recall@20" not in judged["model"]
    ranked = ranking_evaluation(ranking, *arguments, 7)
    assert np.isfinite([*ranked["model"].values(), *ranked["popularity"].values()]).all()
