"""The data of the advice: every sentence has its source, every name is one that exists, the page shows the weights."""

from __future__ import annotations

import importlib.util
import itertools
from functools import cache
from pathlib import Path

import pytest

from counterpoint_compare.advice import Profile, typical
from counterpoint_compare.advice.compared import ORCHESTRATORS
from counterpoint_compare.advice.tables import Property, criteria, none_yet, properties, questions

ROOT = Path(__file__).parents[3]
PAGES = {
    "airflow": ("https://airflow.apache.org/docs/",),
    "dagster": ("https://docs.dagster.io/",),
    "prefect": ("https://docs.prefect.io/",),
}
PROPERTIES = [pytest.param(one, id=f"{one.orchestrator}-{one.topic}-{n}") for n, one in enumerate(properties())]
NAMES = {one.name for one in criteria()}


@cache
def limits(orchestrator: str) -> set[str]:
    """The subjects of an adapter's limits; its file needs no orchestrator."""
    file = ROOT / f"adapters/{orchestrator}/src/counterpoint_{orchestrator}/limits.py"
    spec = importlib.util.spec_from_file_location(f"limits_of_{orchestrator}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {limit.subject for limit in module.LIMITS}


@pytest.mark.parametrize("one", PROPERTIES)
def test_a_property_says_where_it_can_be_read(one: Property) -> None:
    assert one.orchestrator in ORCHESTRATORS
    assert (one.url is None) != (one.limit is None)
    if one.url is not None:
        assert one.url.startswith(PAGES[one.orchestrator])
    else:
        assert one.limit in limits(one.orchestrator)
    assert all(part.isdigit() for part in one.release.split("."))
    assert one.says.endswith(".")
    assert len(one.says) < 125


@pytest.mark.parametrize("one", PROPERTIES)
def test_a_property_is_about_a_topic_and_about_answers_that_exist(one: Property) -> None:
    criterion, topic = one.topic.split(".")
    assert topic in {name for found in criteria() if found.name == criterion for name in found.topics}
    assert all(set(answers) <= set(questions()[question].choices) for question, answers in one.when.items())


def test_every_topic_is_spoken_of() -> None:
    topics = {f"{one.name}.{topic}" for one in criteria() for topic in one.topics}
    assert topics == {one.topic for one in properties()}


def test_no_answer_makes_two_sentences_hold_for_the_same_topic() -> None:
    for one, other in itertools.combinations(properties(), 2):
        if (one.orchestrator, one.topic) == (other.orchestrator, other.topic):
            shared = set(one.when) & set(other.when)
            assert shared, one.says
            assert all(not set(one.when[question]) & set(other.when[question]) for question in shared), one.says


@pytest.mark.parametrize("question", questions().values(), ids=lambda one: one.name)
def test_a_question_has_a_default_and_weighs_what_exists(question: object) -> None:
    found = questions()[question.name]  # type: ignore[attr-defined]
    assert found.default in found.choices
    assert len(found.choices) >= 2
    assert all(set(choice.weights) <= NAMES for choice in found.choices.values())


def test_every_criterion_can_have_weight() -> None:
    raised = {
        name for q in questions().values() for c in q.choices.values() for name, by in c.weights.items() if by > 0
    }
    assert {one.name for one in criteria() if one.base > 0} | raised == NAMES


def test_the_seven_criteria_of_a_company_weigh_from_the_start() -> None:
    seven = {"maturity", "lineage", "access", "kubernetes", "testing", "observability", "onboarding"}
    assert {one.name for one in criteria() if one.base > 0} == seven


def test_what_is_said_of_none_yet_stands_on_a_page() -> None:
    notes = [*none_yet()["reasons"], *none_yet()["against"]]
    assert len(notes) >= 3
    assert [one["page"] for one in notes if not (ROOT / one["page"]).is_file()] == []
    assert all(set(allowed) <= set(questions()[name].choices) for name, allowed in none_yet()["needs"].items())


def test_a_budget_of_every_size_is_one_that_can_be_answered() -> None:
    budgets = [one for criterion in criteria() for one in criterion.measures if one.question]
    assert [one.name for one in budgets] == ["budget"]
    assert set(budgets[0].most) < set(questions()[budgets[0].question].choices)


@pytest.mark.parametrize("name", ["five_engineers", "regulated_company", "research_group"])
def test_a_typical_team_answers_everything(name: str) -> None:
    found = typical()[name]
    assert isinstance(found, Profile)
    assert found.unknown == ()
    assert found.name != name


def test_the_page_shows_the_weights() -> None:
    lines = (ROOT / "docs/how-to/advise.md").read_text(encoding="utf-8").splitlines()
    shown = lines[lines.index("| question | answer | adds |") + 2 :]
    rows = [
        f"| {question.name} | {one.name}: {one.means} | "
        + (", ".join(f"{name} {by:+g}" for name, by in one.weights.items()) or "–")
        + " |"
        for question in questions().values()
        for one in question.choices.values()
    ]
    assert shown[: shown.index("")] == rows
