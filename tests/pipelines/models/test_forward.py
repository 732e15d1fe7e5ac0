"""What evaluation computes in numpy is what torch computes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

pytestmark = pytest.mark.torch

import torch

from streamrec.encoding import Vocabulary
from streamrec.examples import catalogue_of, examples_of, positives_of
from streamrec.ranking import inputs_of, normalised, scores_of
from streamrec.retrieval import item_vectors, pairs_of, user_vectors
from streamrec.towers import Vocabularies, tastes
from streamrec.training import Network, Towers, softmax_loss

if TYPE_CHECKING:
    from counterpoint.storage import Model

    from .conftest import Week


def tensors(model: Model) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(array.copy()) for name, array in model.weights.items()}


def towers_of(model: Model, words: Vocabularies) -> Towers:
    weights = tensors(model)
    dimension = weights["user"].shape[1]
    towers = Towers(words, torch.zeros(len(words.items)), dimension, torch.Generator().manual_seed(0))
    names = {name.removesuffix(".weight"): name for name in towers.state_dict()}
    towers.load_state_dict({full: weights[name] for name, full in names.items()})
    return towers


def test_the_towers_score_alike(week: Week, retrieval: Model) -> None:
    words = Vocabularies.from_arrays(retrieval.weights)
    catalogue = catalogue_of(week.features, week.day.day)
    users = week.held_out["user_id"].unique().sort()
    keys = pl.DataFrame({"user_id": users}).with_columns(pl.lit(week.day.day).alias("as_of"))
    shares = tastes(week.features, keys, words.categories)
    vectors, bias = item_vectors(retrieval, catalogue)
    found = user_vectors(retrieval, users, shares) @ vectors.T + bias
    rows = [words.users.rows(users), words.items.rows(catalogue["item_id"])]
    user, item = (torch.from_numpy(one.copy()) for one in rows)
    category = torch.from_numpy(words.categories.rows(catalogue["category"]).copy())
    expected = towers_of(retrieval, words)(user, torch.from_numpy(shares), item, category).detach().numpy()
    assert found.shape == expected.shape == (len(users), len(catalogue))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert expected.std() > 0.1


def test_the_ranking_network_scores_alike(week: Week, ranking: Model) -> None:
    examples = examples_of(week.held_out, week.day.key)
    raw = inputs_of(examples, week.features, Vocabulary.from_arrays("devices", ranking.weights))
    network = Network(raw.shape[1], ranking.parameters["settings"])
    weights = tensors(ranking)
    network.load_state_dict({name: weights[name] for name in network.state_dict()})
    inputs = normalised(raw, ranking.weights["mean"], ranking.weights["scale"])
    expected = network(torch.from_numpy(inputs)).detach().numpy()
    found = scores_of(ranking, examples, week.features)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert expected.std() > 0.1


def test_the_softmax_loss_equals_the_loops() -> None:
    """Row by row: the own item against those of other rows that are other items."""
    rng = torch.Generator().manual_seed(1)
    logits, log_q = torch.randn(5, 5, generator=rng), torch.tensor([-1.0, -2.0, -1.0, -3.0, -2.0])
    item = torch.tensor([4, 7, 4, 9, 7])
    corrected = (logits - log_q).double().numpy()
    losses = []
    for row in range(5):
        others = [column for column in range(5) if column == row or item[column] != item[row]]
        losses.append(np.log(np.exp(corrected[row, others]).sum()) - corrected[row, row])
    assert float(softmax_loss(logits, item, log_q)) == pytest.approx(np.mean(losses), abs=1e-5)


def test_tastes_are_shares_or_nothing(week: Week) -> None:
    positives = positives_of(week.interactions)
    words = Vocabularies(*(Vocabulary.of(positives[name]) for name in ("user_id", "item_id", "category")))
    pairs = pairs_of(positives, week.features, words)
    totals = pairs.tastes.sum(axis=1)
    assert pairs.tastes.min() >= 0
    assert np.all(np.isclose(totals, 1.0, atol=1e-5) | (totals == 0.0))
    assert {True, False} == set((totals > 0).tolist())
