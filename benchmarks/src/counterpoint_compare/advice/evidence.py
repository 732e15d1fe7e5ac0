"""The evidence about each orchestrator in each topic: cited properties and measured rows, with their scores."""

from __future__ import annotations

from functools import cache
from statistics import median
from typing import TYPE_CHECKING, Any

from counterpoint_compare.advice.answer import Evidence, Topic
from counterpoint_compare.advice.compared import ORCHESTRATORS
from counterpoint_compare.advice.report import command_of, row_of, score_of
from counterpoint_compare.advice.tables import Criterion, Measure, Property, properties

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from counterpoint_compare.advice.profile import Profile
    from counterpoint_compare.advice.report import Row

NOT_MEASURED = "not measured here: run `make compare`, then give its results.json by --report"


def topics_of(criterion: Criterion, profile: Profile, results: Mapping[str, Any] | None) -> tuple[Topic, ...]:
    """The topics of a criterion that the answers do not rule out."""
    cited = (_cited(criterion, name, title, profile) for name, title in criterion.topics.items())
    measured = (_measured(criterion, measure, profile, results) for measure in criterion.measures)
    return tuple(topic for topic in (*cited, *measured) if topic is not None)


@cache
def _properties() -> dict[tuple[str, str], tuple[Property, ...]]:
    by_topic: dict[tuple[str, str], tuple[Property, ...]] = {}
    for cited in properties():
        by_topic[cited.topic, cited.orchestrator] = (*by_topic.get((cited.topic, cited.orchestrator), ()), cited)
    return by_topic


def _cited(criterion: Criterion, name: str, title: str, profile: Profile) -> Topic | None:
    """The topic of cited properties; None if the questions are answered and no property applies to the answers."""
    candidates = {side: _properties().get((f"{criterion.name}.{name}", side), ()) for side in ORCHESTRATORS}
    applicable = {
        side: [candidate for candidate in side_properties if _holds(candidate, profile)]
        for side, side_properties in candidates.items()
    }
    evidence = {
        side: _of_property(side_properties[0]) for side, side_properties in applicable.items() if side_properties
    }
    missing = [side for side in ORCHESTRATORS if side not in evidence]
    open_questions = {
        question
        for side in missing
        for candidate in candidates[side]
        for question in candidate.when
        if question not in profile.answers
    }
    if not evidence and not open_questions:
        return None
    reason = (
        f"it depends on the answer to {', '.join(sorted(open_questions))}" if open_questions else _not_checked(missing)
    )
    return Topic(criterion.name, name, title, evidence, reason if missing else None)


def _holds(cited: Property, profile: Profile) -> bool:
    return all(profile.gives(question, allowed) for question, allowed in cited.when.items())


def _not_checked(missing: list[str]) -> str:
    return f"nothing checked for {' and '.join(missing)}"


def _of_property(cited: Property) -> Evidence:
    return Evidence("cited", cited.says, cited.score, url=cited.url, limit=cited.limit, release=cited.release)


def _measured(
    criterion: Criterion, measure: Measure, profile: Profile, results: Mapping[str, Any] | None
) -> Topic | None:
    """The topic of a measure; None if the answers set no limit for it."""
    name = measure.figure or measure.name
    maximum = next(
        (measure.most[answer] for answer in profile.answers.get(measure.question, ()) if answer in measure.most), None
    )
    if measure.question in profile.answers and maximum is None:
        return None
    row = row_of(measure, results) if results else None
    title = (row.title if row else name) + (f" within the {measure.question} budget" if measure.question else "")
    if measure.question and maximum is None:
        reason = f"it depends on the answer to {measure.question}"
        return Topic(criterion.name, measure.name, title, {}, reason)
    if results is None or row is None:
        return Topic(criterion.name, measure.name, title, {}, NOT_MEASURED)
    evidence = dict(_rows(measure, row, maximum, results))
    missing = [side for side in ORCHESTRATORS if side not in evidence]
    missing_reason = f"not measured in this report for {' and '.join(missing)}: run `make compare`" if missing else None
    return Topic(criterion.name, measure.name, title, evidence, missing_reason)


def _rows(
    measure: Measure, row: Row, maximum: float | None, results: Mapping[str, Any]
) -> Iterator[tuple[str, Evidence]]:
    sides = {side: row.values[side] for side in ORCHESTRATORS if side in row.values}
    for side, values in sides.items():
        yield (
            side,
            Evidence(
                "measured",
                row.title,
                float(max(values) <= maximum) if maximum is not None else score_of(values, sides),
                figure=measure.figure or measure.name,
                unit=row.unit,
                median=median(values),
                low=min(values),
                high=max(values),
                runs=len(values),
                command=command_of(results),
                disturbed=measure.figure != "" and side in results.get("busy", ()),
            ),
        )
