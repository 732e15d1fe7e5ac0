"""The gate: which stage a model gets from its metrics, the champion's and popularity's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from counterpoint.errors import UsageError
from counterpoint.model import Champion, Decision
from counterpoint.storage import Model
from streamrec.registration import registered_models

TRAINED = Model({"w": np.zeros(1)}, {})
RECALL, NDCG = "all.recall@20", "ndcg@20"
GOOD = {"model": {NDCG: 0.6}, "popularity": {NDCG: 0.5}}
MARGIN: dict[str, Any] = {"retrieval": {"margin": 0.5}}


def evaluation(value: float, popularity: float) -> dict[str, Any]:
    return {"model": {RECALL: value}, "popularity": {RECALL: popularity}, "users": 10}


def champion(value: float | None) -> dict[str, Champion]:
    if value is None:
        return {}
    return {"streamrec-retrieval": Champion("streamrec-retrieval", 3, "2026-01-01", {RECALL: value})}


def decide(found: dict[str, Any] | None, standing: float | None = None, **gate: Any) -> Decision:
    return registered_models(TRAINED, TRAINED, found, GOOD, champion(standing), gate)[0]


@pytest.mark.parametrize(
    ("value", "popularity", "standing", "stage"),
    [
        pytest.param(0.200, 0.100, None, "production", id="no champion, popularity beaten"),
        pytest.param(0.101, 0.100, None, "staging", id="no champion, within the margin of popularity"),
        pytest.param(0.099, 0.100, None, "hold", id="no champion, worse than popularity"),
        pytest.param(0.100, 0.100, None, "hold", id="no champion, as good as popularity"),
        pytest.param(0.300, 0.100, 0.200, "production", id="champion beaten"),
        pytest.param(0.203, 0.100, 0.200, "staging", id="champion beaten, within the margin"),
        pytest.param(0.200, 0.100, 0.200, "staging", id="as good as the champion"),
        pytest.param(0.150, 0.100, 0.200, "staging", id="worse than the champion, better than popularity"),
        pytest.param(0.090, 0.100, 0.200, "hold", id="worse than both"),
        pytest.param(0.210, 0.300, 0.200, "production", id="champion beaten: it is the rival, not popularity"),
        pytest.param(0.049, 0.010, 0.020, "staging", id="champion beaten, under production's least"),
        pytest.param(0.050, 0.010, 0.020, "production", id="just production's least"),
        pytest.param(0.009, 0.001, None, "hold", id="popularity beaten, under staging's least"),
        pytest.param(0.010, 0.001, None, "staging", id="just staging's least"),
        pytest.param(math.nan, 0.100, None, "hold", id="no number"),
    ],
)
def test_the_stage(value: float, popularity: float, standing: float | None, stage: str) -> None:
    decision = decide(evaluation(value, popularity), standing)
    assert decision.stage == stage
    assert (decision.model, decision.step) == ("streamrec-retrieval", "retrieval_model")


@pytest.mark.parametrize(("value", "stage"), [(0.375, "staging"), (0.376, "production")])
def test_the_margin_is_a_share_and_must_be_passed(value: float, stage: str) -> None:
    assert decide(evaluation(value, 0.25), **MARGIN).stage == stage
    assert decide(evaluation(value, 0.125), 0.25, **MARGIN).stage == stage


@pytest.mark.parametrize(
    ("limits", "stage"),
    [
        ({"production": 0.9}, "staging"),
        ({"production": 0.9, "staging": 0.5}, "hold"),
        ({"margin": 1.5}, "staging"),
        ({"metric": "new.recall@20"}, "hold"),
    ],
)
def test_the_limits_are_settings(limits: dict[str, Any], stage: str) -> None:
    found = evaluation(0.2, 0.1)
    found["model"]["new.recall@20"], found["popularity"]["new.recall@20"] = 0.1, 0.2
    assert decide(found).stage == "production"
    assert decide(found, retrieval=limits).stage == stage


def test_a_decision_says_why_and_keeps_both_metrics() -> None:
    decision = decide(evaluation(0.3, 0.1), 0.2)
    for part in (RECALL, "0.3000", "0.2000", "champion streamrec-retrieval/3 of 2026-01-01", "2.0%"):
        assert part in decision.reason
    assert (dict(decision.metrics), dict(decision.baseline)) == ({RECALL: 0.3}, {RECALL: 0.1})


def test_without_a_champion_the_rival_is_named_popularity() -> None:
    assert "of popularity" in decide(evaluation(0.3, 0.1)).reason


@pytest.mark.parametrize(
    ("trained", "found", "said"),
    [(TRAINED, None, "evaluation failed"), (None, None, "not trained"), (None, evaluation(0.9, 0.1), "not trained")],
)
def test_one_that_failed_is_held_and_does_not_hold_the_other_back(
    trained: Model | None, found: dict[str, Any] | None, said: str
) -> None:
    held, other = registered_models(trained, TRAINED, found, GOOD, {}, {})
    assert (held.stage, other.stage) == ("hold", "production")
    assert said in held.reason
    assert dict(held.metrics) == {}


def test_the_other_way_round_too() -> None:
    stages = [one.stage for one in registered_models(TRAINED, None, evaluation(0.3, 0.1), None, {}, {})]
    assert stages == ["production", "hold"]


def test_the_champion_of_one_model_is_no_rival_of_the_other() -> None:
    _, ranking = registered_models(TRAINED, TRAINED, None, GOOD, champion(0.9), {})
    assert ranking.stage == "production"


def test_a_metric_that_is_not_there_holds_that_model_alone_and_is_named() -> None:
    gate = {"retrieval": {"metric": "all.recal@20"}}
    held, other = registered_models(TRAINED, TRAINED, evaluation(0.3, 0.1), GOOD, {}, gate)
    assert (held.stage, other.stage) == ("hold", "production")
    assert "'all.recal@20'" in held.reason
    assert RECALL in held.reason


def test_a_champion_without_the_metric_holds_the_model() -> None:
    found = evaluation(0.3, 0.1)
    found["model"]["new.recall@20"] = found["popularity"]["new.recall@20"] = 0.2
    decision = decide(found, 0.2, retrieval={"metric": "new.recall@20"})
    assert decision.stage == "hold"
    assert "the champion has no metric 'new.recall@20'" in decision.reason


@pytest.mark.parametrize(
    ("gate", "said"),
    [({"retrieval": {"treshold": 1}}, "retrieval.treshold"), ({"rerank": {}}, "rerank")],
)
def test_an_unknown_limit_is_named(gate: dict[str, dict[str, Any]], said: str) -> None:
    with pytest.raises(UsageError, match=f"no limit '{said}'.*ranking.production"):
        registered_models(TRAINED, TRAINED, None, None, {}, gate)
