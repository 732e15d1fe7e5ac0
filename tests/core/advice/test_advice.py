"""The ranking: it changes with the answers as they say, rests on evidence alone, and says what it does not know."""

from __future__ import annotations

from typing import Any

import pytest
from bench import EQUAL, FIVE, bout, report, team
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint_compare.advice import Advice, Profile, advise, typical
from counterpoint_compare.advice.answer import Judged, Topic
from counterpoint_compare.advice.compared import ORCHESTRATORS
from counterpoint_compare.advice.report import row_of, score_of
from counterpoint_compare.advice.tables import Measure, criteria, questions, tie
from counterpoint_compare.advice.weighing import judge, places, totals, weight_of
from counterpoint_compare.code import _by_hand
from counterpoint_compare.figures import figures_of

NO_SERVER = {
    "pipelines": "one",
    "workload": "sql",
    "lineage": "team",
    "audit": "no",
    "access": "anyone",
    "kubernetes": "no",
    "existing": "none",
    "observability": "logs",
    "dynamic": "some",
    "tasks": "few",
}


def place(found: Advice, side: str) -> int:
    return next(one.place for one in found.ranking if one.name == side)


def criterion(found: Advice, name: str) -> Judged:
    return next(one for one in found.criteria if one.name == name)


def topic(found: Advice, name: str) -> Topic:
    return next(one for judged in found.criteria for one in judged.topics if f"{judged.name}.{one.name}" == name)


# An answer, and who is best where it weighs.
DIRECTIONS = [
    ("existing", "airflow3", "airflow"),
    ("existing", "airflow2", "airflow"),
    ("existing", "dagster", "dagster"),
    ("existing", "prefect", "prefect"),
    ("dynamic", "much", "prefect"),
    ("access", "sso", "airflow"),
    ("tests", "changes", "dagster"),
]


@pytest.mark.parametrize(("question", "answer", "side"), DIRECTIONS)
def test_an_answer_helps_the_one_that_is_best_in_it(question: str, answer: str, side: str) -> None:
    before, after = advise(FIVE), advise(FIVE.with_answer(question, (answer,)))
    assert place(after, side) <= place(before, side)
    assert lead(after, side) >= lead(before, side)


def lead(found: Advice, side: str) -> float:
    """How far one is ahead of the best of the others; below zero when it is behind."""
    score = {one.name: one.score for one in found.ranking if one.score is not None}
    return score[side] - max(score[other] for other in ORCHESTRATORS if other != side)


def test_where_everything_stays_on_own_machines_roles_and_audit_speak_for_airflow() -> None:
    company = typical()["regulated_company"]
    own, vendor = advise(company), advise(company.with_answer("hosting", ("vendor",)))
    assert own.first == ("airflow",)
    assert criterion(own, "access").scores == {"airflow": 1.0, "dagster": 0.0, "prefect": 0.0}
    assert criterion(vendor, "access").scores == {"airflow": 1.0, "dagster": 1.0, "prefect": 1.0}
    assert lead(vendor, "airflow") < lead(own, "airflow")


def test_the_cheapest_at_rest_gains_by_a_small_budget() -> None:
    costs = {"airflow": (3.0,), "dagster": (3.0,), "prefect": (1.0,)}
    loose, tight = (advise(FIVE.with_answer("memory", (budget,)), report(costs)) for budget in ("any", "512MB"))
    assert lead(tight, "prefect") > lead(loose, "prefect")
    scores = {side: one.score for side, one in topic(tight, "rest.budget").evidence.items()}
    assert scores == {"airflow": 0.0, "dagster": 0.0, "prefect": 1.0}
    assert not any(one.name == "budget" for one in criterion(loose, "rest").topics)


def test_small_needs_need_no_orchestrator_and_one_more_does() -> None:
    small = team(**NO_SERVER)
    found = advise(small, report())
    assert found.first == ("none",)
    assert found.ranking[0].title == "none yet: cron with the local runner"
    assert found.ranking[0].score is None
    assert found.none_yet is not None
    assert found.none_yet["reasons"]
    assert min(one.place for one in found.ranking[1:]) == 2
    for question, answer in (("access", "roles"), ("pipelines", "tens"), ("workload", "events"), ("audit", "yes")):
        other = advise(small.with_answer(question, (answer,)))
        assert "none" not in [one.name for one in other.ranking], question
        assert other.none_yet is None


@pytest.mark.parametrize("left_out", NO_SERVER)
def test_a_need_that_is_not_known_is_not_taken_for_small(left_out: str) -> None:
    known = {question: answer for question, answer in NO_SERVER.items() if question != left_out}
    assert "none" not in [one.name for one in advise(team(**known)).ranking]


def test_without_a_report_nothing_measured_counts_and_it_says_so() -> None:
    found = advise(FIVE)
    assert found.report is None
    assert criterion(found, "rest").scores == criterion(found, "latency").scores == {}
    assert all(one.evidence.kind == "cited" for one in (*found.reasons, *found.against))
    unmeasured = {one.criterion for one in found.unknown if "make compare" in one.why}
    assert unmeasured == {"onboarding", "rest", "latency"}
    assert found.known < advise(FIVE, report()).known < 1.0


def test_a_report_gives_values_with_interval_and_command() -> None:
    costs = {"airflow": (3.0, 4.0, 5.0), "dagster": (2.0, 2.0, 2.0), "prefect": (0.9, 1.0, 1.1)}
    found = advise(FIVE, report(costs, busy=["airflow"]))
    start = topic(found, "onboarding.start").evidence
    assert [start["airflow"].low, start["airflow"].median, start["airflow"].high] == [30.0, 40.0, 50.0]
    assert (start["airflow"].runs, start["airflow"].unit, start["airflow"].figure) == (3, "s", "start.seconds")
    assert start["airflow"].command == "counterpoint compare streamrec --rounds 3"
    assert (start["airflow"].disturbed, start["prefect"].disturbed) == (True, False)
    assert {side: one.score for side, one in start.items()} == {"airflow": 0.25, "dagster": 0.5, "prefect": 1.0}
    assert topic(found, "onboarding.code").evidence["airflow"].disturbed is False


def test_values_that_cannot_be_told_apart_are_equally_good() -> None:
    values = {"a": (1.0, 1.1, 1.3), "b": (1.2, 1.4, 1.5), "c": (2.0, 2.2, 2.4)}
    assert [score_of(one, values) for one in values.values()] == [1.0, 1.0, 0.5]


@pytest.mark.parametrize(("own", "score"), [((0.0,), 1.0), ((-5.0,), 1.0), ((10.0,), 0.0)])
def test_what_costs_nothing_is_best(own: tuple[float, ...], score: float) -> None:
    assert score_of(own, {"own": own, "other": (-5.0,)}) == score


def test_what_is_not_known_of_one_counts_for_nobody() -> None:
    whole = report({"airflow": (4.0,), "dagster": (2.0,), "prefect": (1.0,)})
    partial = {
        **whole,
        "figures": [{**one, "on": {k: v for k, v in one["on"].items() if k != "prefect"}} for one in whole["figures"]],
    }
    found = advise(FIVE, partial)
    assert criterion(found, "rest").scores == {}
    assert {one.why for one in found.unknown if one.criterion == "rest"} == {
        "not measured in this report for prefect: run `make compare`"
    }
    assert advise(FIVE, {**whole, "figures": []}).ranking == found.ranking


def test_without_an_answer_it_says_what_depends_on_it() -> None:
    answers = {question: answer for question, answer in FIVE.answers.items() if question != "hosting"}
    found = advise(Profile("who does not know", answers))
    assert found.unanswered == ("hosting",)
    depends = {
        f"{one.criterion}: {one.topic}" for one in found.unknown if one.why == "it depends on the answer to hosting"
    }
    assert "lineage: audit log" in depends
    assert "triggers: events from outside" in depends


def test_nobody_is_asked_about_moving_when_nothing_is_written() -> None:
    assert criterion(advise(FIVE), "existing").topics == ()
    assert criterion(advise(team()), "existing").topics[0].unknown == "it depends on the answer to existing"


def test_no_answer_at_all_ranks_by_the_seven() -> None:
    found = advise(team())
    assert len(found.unanswered) == len(questions())
    assert {one.name: one.weight for one in found.criteria if one.weight} == dict.fromkeys(
        ["maturity", "lineage", "access", "kubernetes", "testing", "observability", "onboarding"], 1.0
    )


def test_equal_totals_are_a_tie() -> None:
    assert places({"a": 0.50, "b": 0.51, "c": 0.52}, 0.02) == {"a": 1, "b": 1, "c": 1}
    assert places({"a": 0.50, "b": 0.51, "c": 0.521}, 0.02) == {"a": 2, "b": 1, "c": 1}


def test_reasons_are_what_it_is_best_in_and_the_rest_speaks_against_it() -> None:
    found = advise(FIVE, report({"airflow": (3.0,), "dagster": (1.0,), "prefect": (3.0,)}))
    best = "dagster"
    assert found.first == (best,)
    for one in found.reasons:
        assert one.orchestrator == best
        assert one.evidence.score > one.other_evidence.score
    for one in found.against:
        assert one.evidence.score < one.other_evidence.score
    said = [{(one.criterion, one.topic) for one in part} for part in (found.reasons, found.against)]
    assert said[0]
    assert said[1]
    assert said[0].isdisjoint(said[1])
    for part in (found.reasons, found.against):
        assert [one.weight for one in part] == sorted((one.weight for one in part), reverse=True)


def test_of_a_tie_the_reasons_of_each_are_told() -> None:
    found = advise(FIVE, report())
    assert found.first == ("airflow", "dagster")
    assert (
        {one.orchestrator for one in found.reasons} == {one.orchestrator for one in found.against} == set(found.first)
    )


def teams() -> st.SearchStrategy[Profile]:
    """Any team, with any number of answers."""
    options: dict[str, Any] = {
        name: st.lists(st.sampled_from(list(one.choices)), min_size=1, max_size=3 if one.many else 1, unique=True).map(
            tuple
        )
        for name, one in questions().items()
    }
    return st.fixed_dictionaries({}, optional=options).map(lambda answers: Profile("any team", answers))


@settings(max_examples=12, deadline=None)
@given(teams(), st.sampled_from([None, report()]))
def test_every_claim_has_evidence_and_every_flip_is_one(profile: Profile, results: dict[str, Any] | None) -> None:
    found = advise(profile, results)
    for one in (*found.reasons, *found.against):
        for evidence in (one.evidence, one.other_evidence):
            assert evidence.says
            assert evidence.url or evidence.limit or (evidence.command and evidence.median is not None)
    assert 0.0 <= found.known <= 1.0
    for flip in found.flips[:2]:
        assert advise(profile.with_answer(flip.question, flip.answer), results).first == flip.first != found.first


@settings(max_examples=50, deadline=None)
@given(teams())
def test_a_weight_is_what_the_answers_add_up_to(profile: Profile) -> None:
    for one in criteria():
        weight, because = weight_of(one, profile)
        assert weight >= 0
        assert all(
            questions()[line.split(" = ")[0]].choices[line.split(" = ")[1]].weights[one.name] for line in because
        )
        assert because or weight == one.base


SCORES = st.fixed_dictionaries({side: st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]) for side in ORCHESTRATORS})


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 5), SCORES), min_size=1, max_size=6), st.integers(1, 5), st.data())
def test_more_weight_never_lowers_the_best(judged: list[tuple[int, dict[str, float]]], more: int, data: Any) -> None:
    chosen = data.draw(st.integers(0, len(judged) - 1))
    scores = judged[chosen][1]
    heavier = [(weight + more * (n == chosen), one) for n, (weight, one) in enumerate(judged)]
    before, after = (places(totals([weighed(*one) for one in part]), tie()) for part in (judged, heavier))
    for side in ORCHESTRATORS:
        if scores[side] == max(scores.values()):
            assert after[side] <= before[side]


def weighed(weight: float, scores: dict[str, float]) -> Judged:
    return Judged("any", "any", float(weight), (), scores, 1.0, ())


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(ORCHESTRATORS), st.sampled_from([1.25, 2.0, 3.5]), st.sampled_from(list(typical())))
def test_what_gets_dearer_never_rises(side: str, factor: float, name: str) -> None:
    reports = [report({**EQUAL, side: (cost,)}) for cost in (1.0, factor)]
    cheap, dear = (places(totals(judge(typical()[name], one)), tie()) for one in reports)
    assert dear[side] >= cheap[side]


def test_the_lines_by_hand_are_found_as_the_comparison_labels_them() -> None:
    row = row_of(Measure("code", code="lines"), {"code": _by_hand(), "figures": []})
    assert row is not None
    assert set(row.values) == set(ORCHESTRATORS)
    assert all(value[0] > 50 for value in row.values.values())


def test_every_measured_figure_is_one_of_the_comparison() -> None:
    made = {figure["name"] for figure in figures_of([bout(side, 1.0) for side in ORCHESTRATORS])}
    asked = {one.figure for found in criteria() for one in found.measures if one.figure}
    assert asked <= made
    assert len(asked) == 10
