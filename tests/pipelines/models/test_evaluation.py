"""Evaluation against plain loops: new and repeat items apart, popularity beside every model."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.errors import StepError, UsageError
from streamrec import evaluation
from streamrec.evaluation import ranking_evaluation, retrieval_evaluation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from counterpoint.storage import Model

    from .conftest import Event, Week

    Scores = Mapping[str, Mapping[str, float]]

USERS, ITEMS = ["u1", "u2", "u3"], [f"i{n}" for n in range(6)]
POSITIVE = ("play", "complete", "like")
EVENTS = st.lists(
    st.tuples(st.sampled_from(USERS), st.sampled_from(ITEMS), st.sampled_from(["impression", "click", *POSITIVE])),
    min_size=1,
    max_size=14,
)
DAYS = st.lists(EVENTS, min_size=2, max_size=3)
SCORES = st.fixed_dictionaries(
    {user: st.fixed_dictionaries({item: st.integers(-2, 2).map(float) for item in ITEMS}) for user in USERS}
)
CUTS = (2, 100)


def naive(days: list[list[Event]], scores: Scores) -> dict[str, float]:
    """The means over the users to whom a kind of item happened on the last day."""
    window = [event for day in days[:-1] for event in day]
    catalogue = sorted({item for _, item, _ in window})
    sums: dict[str, list[float]] = {}
    for user in USERS:
        relevant = {item for who, item, kind in days[-1] if who == user and kind in POSITIVE}
        seen = {item for who, item, _ in window if who == user}
        ranked = sorted(catalogue, key=lambda item: (-scores[user][item], item))
        fresh = [item for item in ranked if item not in seen]
        kinds = {"all": (ranked, relevant), "new": (fresh, relevant - seen), "repeat": (ranked, relevant & seen)}
        for kind, (order, wanted) in kinds.items():
            for cut in CUTS if wanted else ():
                sums.setdefault(f"{kind}.recall@{cut}", []).append(_recall(order, wanted, cut))
                sums.setdefault(f"{kind}.ndcg@{cut}", []).append(_ndcg(order, wanted, cut))
    return {name: sum(values) / len(values) for name, values in sums.items()}


def _recall(order: list[str], wanted: set[str], cut: int) -> float:
    return len(wanted.intersection(order[:cut])) / min(cut, len(wanted))


def _ndcg(order: list[str], wanted: set[str], cut: int) -> float:
    gained = sum(1 / math.log2(rank + 2) for rank, item in enumerate(order[:cut]) if item in wanted)
    return gained / sum(1 / math.log2(rank + 2) for rank in range(min(cut, len(wanted))))


def popularity(days: list[list[Event]]) -> Scores:
    played = [item for day in days[:-1] for _, item, kind in day if kind in POSITIVE]
    return {user: {item: float(played.count(item)) for item in ITEMS} for user in USERS}


def evaluate(week: Week, model: Model) -> dict[str, Any]:
    return retrieval_evaluation(model, week.features, week.interactions, week.held_out, week.day, {})


@settings(deadline=None, max_examples=60)
@given(days=DAYS, scores=SCORES)
def test_retrieval_is_judged_as_by_the_loops(
    days: list[list[Event]], scores: Scores, written: Callable[..., Week], model_of: Callable[[Scores], Model]
) -> None:
    days[-1].append(("u1", "i0", "play"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation, "CUTS", CUTS)
        found = evaluate(written(days), model_of(scores))
    assert found["model"] == pytest.approx(naive(days, scores))
    assert found["popularity"] == pytest.approx(naive(days, popularity(days)))


@settings(deadline=None, max_examples=40)
@given(days=DAYS, scores=SCORES)
def test_new_and_repeat_hits_of_a_user_add_up_to_all(
    days: list[list[Event]], scores: Scores, written: Callable[..., Week], model_of: Callable[[Scores], Model]
) -> None:
    days[-1] = [("u1", item, "play") for _, item, _ in days[-1]]
    seen = {item for day in days[:-1] for user, item, _ in day if user == "u1"}
    relevant = {item for _, item, _ in days[-1]}
    found = evaluate(written(days), model_of(scores))["model"]
    hits = {kind: found.get(f"{kind}.recall@100", 0.0) for kind in ("all", "new", "repeat")}
    assert hits["all"] * len(relevant) == pytest.approx(
        hits["new"] * len(relevant - seen) + hits["repeat"] * len(relevant & seen)
    )


def test_by_hand(written: Callable[..., Week], model_of: Callable[[Scores], Model]) -> None:
    """u1 knows i0 and comes back to it, and takes up i2; u2 takes up i1; u3 only looks."""
    window: list[Event] = [("u1", "i0", "play"), ("u2", "i0", "play"), ("u2", "i2", "click"), ("u3", "i1", "play")]
    today: list[Event] = [("u1", "i0", "play"), ("u1", "i2", "like"), ("u2", "i1", "play"), ("u3", "i0", "click")]
    model = model_of({"u1": {"i0": 1.0, "i1": 2.0, "i2": 3.0}, "u2": {"i1": 9.0}, "u3": {}})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation, "CUTS", (1,))
        found = evaluate(written([window, today]), model)
    assert found["model"] == {
        "all.recall@1": 1.0,
        "all.ndcg@1": 1.0,
        "new.recall@1": 1.0,
        "new.ndcg@1": 1.0,
        "repeat.recall@1": 0.0,
        "repeat.ndcg@1": 0.0,
    }
    assert found["popularity"]["all.recall@1"] == 0.5  # i0 first: right for u1, wrong for u2
    assert found["popularity"]["repeat.recall@1"] == 1.0
    counts = {name: value for name, value in found.items() if isinstance(value, int)}
    assert counts == {"users": 2, "cold_users": 0, "catalogue": 3, "relevant": 3, "relevant_cold_items": 0}


def test_an_item_that_nobody_met_before_counts_as_missed(
    written: Callable[..., Week], model_of: Callable[[Scores], Model]
) -> None:
    week = written([[("u1", "i0", "play")], [("u1", "i0", "play"), ("u1", "i5", "play"), ("u9", "i0", "play")]])
    found = evaluate(week, model_of({"u1": {"i0": 1.0}}))
    assert found["model"]["all.recall@20"] == 0.75
    assert (found["relevant"], found["relevant_cold_items"], found["cold_users"]) == (3, 1, 1)


def test_only_the_held_out_day_is_judged(written: Callable[..., Week], model_of: Callable[[Scores], Model]) -> None:
    window: list[Event] = [(user, item, "play") for user in USERS for item in ITEMS]
    found = evaluate(written([window, [("u1", "i0", "play")]]), model_of({"u1": {"i0": 1.0}}))
    assert (found["users"], found["relevant"], found["catalogue"]) == (1, 1, len(ITEMS))


@pytest.mark.parametrize(
    "days",
    [[[("u1", "i0", "play")], [("u1", "i0", "click")]], [[], [("u1", "i0", "play")]], [[("u1", "i0", "play")], []]],
)
def test_nothing_to_judge_retrieval_on_is_said(
    days: list[list[Event]], written: Callable[..., Week], model_of: Callable[[Scores], Model]
) -> None:
    with pytest.raises(StepError, match=r"retrieval_evaluation of 2026-01-07: .* nothing to evaluate on"):
        evaluate(written(days), model_of({"u1": {"i0": 1.0}}))


def test_an_unknown_setting_is_named(week: Week, model_of: Callable[[Scores], Model]) -> None:
    arguments = (week.features, week.interactions, week.held_out, week.day)
    with pytest.raises(UsageError, match="'epoch' is no setting; there are dimension, epochs"):
        retrieval_evaluation(model_of({"u1": {"i0": 1.0}}), *arguments, {"epoch": 1})


@pytest.mark.torch
def test_popularity_stands_beside_every_model(week: Week, retrieval: Model, ranking: Model) -> None:
    judged = evaluate(week, retrieval)
    ranked = ranking_evaluation(ranking, week.features, week.interactions, week.held_out, week.day, 7)
    for found in (judged, ranked):
        assert found["model"].keys() == found["popularity"].keys() != set()
        assert all(0.0 <= value <= 1.0 for side in ("model", "popularity") for value in found[side].values())
    assert set(ranked["model"]) == {"ndcg@20", "auc"}
    assert 0 < ranked["positives"] < ranked["examples"]
