"""The advice: the ranking, reasons for and against the first, unknown topics, and answers that would change it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint_compare.advice.answer import Advice, Flip, Judged, Margin, Note, Ranked, Reason, Topic, Unknown
from counterpoint_compare.advice.compared import ORCHESTRATORS
from counterpoint_compare.advice.report import about
from counterpoint_compare.advice.tables import none_yet, questions, tie
from counterpoint_compare.advice.weighing import judge, known_share, places, totals

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from counterpoint_compare.advice.profile import Profile

NONE = "none"


def advise(profile: Profile, results: Mapping[str, Any] | None = None) -> Advice:
    """Ranks the orchestrators for a team.

    Args:
        profile: the answers of the team.
        results: the document of `results.json`, if there is a report.
    """
    judged = judge(profile, results)
    ranking = _ranking(profile, judged)
    best = _best(ranking)
    return Advice(
        profile=profile.name,
        answers=dict(profile.answers),
        unanswered=profile.unknown,
        report=about(results) if results else None,
        known=known_share(judged),
        ranking=ranking,
        margin=_margin(ranking),
        reasons=tuple(reason for side in best for reason in _reasons(side, judged, ahead=True)),
        against=tuple(reason for side in best for reason in _reasons(side, judged, ahead=False)),
        none_yet=_notes() if ranking[0].name == NONE else None,
        unknown=tuple(_unknown(judged)),
        flips=tuple(_flips(profile, results, _first(ranking))),
        criteria=judged,
    )


def needs_none(profile: Profile) -> bool:
    """Whether the needs are so small that the local runner in a crontab is enough."""
    needs: dict[str, list[str]] = none_yet()["needs"]
    return all(
        question in profile.answers and set(profile.answers[question]) <= set(allowed)
        for question, allowed in needs.items()
    )


def _ranking(profile: Profile, judged: Sequence[Judged]) -> tuple[Ranked, ...]:
    """The ranking, best first; the order within a tie has no meaning."""
    total_by_side = totals(judged)
    no_orchestrator_first = int(needs_none(profile))
    place_by_side = places(total_by_side, tie())
    rows = [
        Ranked(side, side, place_by_side[side] + no_orchestrator_first, total_by_side[side]) for side in ORCHESTRATORS
    ]
    rows.sort(key=lambda ranked: (ranked.place, -(ranked.score or 0.0), ranked.name))
    return (Ranked(NONE, none_yet()["title"], 1, None), *rows) if no_orchestrator_first else tuple(rows)


def _first(ranking: Sequence[Ranked]) -> tuple[str, ...]:
    return tuple(sorted(ranked.name for ranked in ranking if ranked.place == 1))


def _best(ranking: Sequence[Ranked]) -> tuple[str, ...]:
    """The first orchestrator, or those that tie for it."""
    scored = [ranked for ranked in ranking if ranked.name != NONE]
    return tuple(ranked.name for ranked in scored if ranked.place == scored[0].place)


def _margin(ranking: Sequence[Ranked]) -> Margin | None:
    """The margin of the first over the second; None if one of them has no score."""
    if ranking[0].score is None or ranking[1].score is None:
        return None
    return Margin(ranking[1].name, ranking[0].score - ranking[1].score)


def _reasons(side: str, judged: Sequence[Judged], *, ahead: bool) -> tuple[Reason, ...]:
    """The topics in which a side is best but not all are (`ahead`), or in which another is better.

    They are sorted by weight, then by distance.
    """
    weighed = [
        (criterion, topic)
        for criterion in judged
        for topic in criterion.topics
        if criterion.weight > 0 and topic.unknown is None
    ]
    compared = [_compared(side, criterion, topic, ahead=ahead) for criterion, topic in weighed]
    reasons = [reason for reason in compared if reason is not None]
    return tuple(
        sorted(reasons, key=lambda reason: (-reason.weight, -abs(reason.evidence.score - reason.other_evidence.score)))
    )


def _compared(side: str, judged: Judged, topic: Topic, *, ahead: bool) -> Reason | None:
    """Compares a side with the worst of the others if it is the best, else with the best."""
    evidence, other_sides = topic.evidence[side], [side_name for side_name in ORCHESTRATORS if side_name != side]
    best, worst = (choose(other_sides, key=lambda side_name: topic.evidence[side_name].score) for choose in (max, min))
    is_best = evidence.score >= topic.evidence[best].score
    other = worst if is_best else best
    if is_best != ahead or evidence.score == topic.evidence[other].score:
        return None
    return Reason(judged.name, topic.title, judged.weight, side, evidence, other, topic.evidence[other])


def _unknown(judged: Sequence[Judged]) -> Iterator[Unknown]:
    for criterion in judged:
        for topic in criterion.topics:
            if topic.unknown is not None and criterion.weight > 0:
                yield Unknown(criterion.name, topic.title, criterion.weight, topic.unknown)


def _notes() -> dict[str, tuple[Note, ...]]:
    return {key: tuple(Note(**note) for note in none_yet()[key]) for key in ("reasons", "against")}


def _flips(profile: Profile, results: Mapping[str, Any] | None, first: tuple[str, ...]) -> Iterator[Flip]:
    """Each single answer whose change would put others first."""
    for question, answer in _other_answers(profile):
        changed = profile.with_answer(question, answer)
        changed_first = _first(_ranking(changed, judge(changed, results)))
        if set(changed_first) != set(first):
            yield Flip(question, answer, changed_first)


def _other_answers(profile: Profile) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each choice that the profile does not have; for a question with several answers, one choice more or less."""
    for question in questions().values():
        current = profile.answers.get(question.name, ())
        for choice in question.choices:
            toggled = tuple(option for option in question.choices if (option in current) != (option == choice))
            if question.many and toggled:
                yield question.name, toggled
            elif not question.many and choice not in current:
                yield question.name, (choice,)
