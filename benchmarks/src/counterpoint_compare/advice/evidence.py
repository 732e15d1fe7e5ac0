"""What is known of each orchestrator in each topic: cited properties and measured rows, with their scores."""

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
    found: dict[tuple[str, str], tuple[Property, ...]] = {}
    for one in properties():
        found[one.topic, one.orchestrator] = (*found.get((one.topic, one.orchestrator), ()), one)
    return found


def _cited(criterion: Criterion, name: str, title: str, profile: Profile) -> Topic | None:
    """None where the answers were given and no property is about them."""
    candidates = {side: _properties().get((f"{criterion.name}.{name}", side), ()) for side in ORCHESTRATORS}
    holding = {side: [one for one in found if _holds(one, profile)] for side, found in candidates.items()}
    evidence = {side: _of_property(found[0]) for side, found in holding.items() if found}
    missing = [side for side in ORCHESTRATORS if side not in evidence]
    asked = {q for side in missing for one in candidates[side] for q in one.when if q not in profile.answers}
    if not evidence and not asked:
        return None
    why = f"it depends on the answer to {', '.join(sorted(asked))}" if asked else _unchecked(missing)
    return Topic(criterion.name, name, title, evidence, why if missing else None)


def _holds(one: Property, profile: Profile) -> bool:
    return all(profile.gives(question, allowed) for question, allowed in one.when.items())


def _unchecked(missing: list[str]) -> str:
    return f"nothing checked for {' and '.join(missing)}"


def _of_property(one: Property) -> Evidence:
    return Evidence("cited", one.says, one.score, url=one.url, limit=one.limit, release=one.release)


def _measured(
    criterion: Criterion, measure: Measure, profile: Profile, results: Mapping[str, Any] | None
) -> Topic | None:
    """None where the answer says that it may be as much as it likes."""
    name = measure.figure or measure.name
    most = next((measure.most[one] for one in profile.answers.get(measure.question, ()) if one in measure.most), None)
    if measure.question in profile.answers and most is None:
        return None
    row = row_of(measure, results) if results else None
    title = (row.title if row else name) + (f" within the {measure.question} budget" if measure.question else "")
    if measure.question and most is None:
        why = f"it depends on the answer to {measure.question}"
        return Topic(criterion.name, measure.name, title, {}, why)
    if results is None or row is None:
        return Topic(criterion.name, measure.name, title, {}, NOT_MEASURED)
    evidence = dict(_rows(measure, row, most, results))
    missing = [side for side in ORCHESTRATORS if side not in evidence]
    why_not = f"not measured in this report for {' and '.join(missing)}: run `make compare`" if missing else None
    return Topic(criterion.name, measure.name, title, evidence, why_not)


def _rows(measure: Measure, row: Row, most: float | None, results: Mapping[str, Any]) -> Iterator[tuple[str, Evidence]]:
    sides = {side: row.values[side] for side in ORCHESTRATORS if side in row.values}
    for side, values in sides.items():
        yield (
            side,
            Evidence(
                "measured",
                row.title,
                float(max(values) <= most) if most is not None else score_of(values, sides),
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
