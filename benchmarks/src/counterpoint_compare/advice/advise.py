"""The advice: who is first and why, what speaks against it, what is not known, which answer would turn it."""

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
    """Ranks the orchestrators for a team; `results` is a `results.json` of `compare`, None where none is at hand."""
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
        reasons=tuple(one for side in best for one in _reasons(side, judged, ahead=True)),
        against=tuple(one for side in best for one in _reasons(side, judged, ahead=False)),
        none_yet=_notes() if ranking[0].name == NONE else None,
        unknown=tuple(_unknown(judged)),
        flips=tuple(_flips(profile, results, _first(ranking))),
        criteria=judged,
    )


def needs_none(profile: Profile) -> bool:
    """Whether the needs are so small that a line of cron with the local runner does."""
    needs: dict[str, list[str]] = none_yet()["needs"]
    return all(
        question in profile.answers and set(profile.answers[question]) <= set(allowed)
        for question, allowed in needs.items()
    )


def _ranking(profile: Profile, judged: Sequence[Judged]) -> tuple[Ranked, ...]:
    """Best first; the order within a tie means nothing."""
    found = totals(judged)
    before = int(needs_none(profile))
    place = places(found, tie())
    rows = [Ranked(side, side, place[side] + before, found[side]) for side in ORCHESTRATORS]
    rows.sort(key=lambda one: (one.place, -(one.score or 0.0), one.name))
    return (Ranked(NONE, none_yet()["title"], 1, None), *rows) if before else tuple(rows)


def _first(ranking: Sequence[Ranked]) -> tuple[str, ...]:
    return tuple(sorted(one.name for one in ranking if one.place == 1))


def _best(ranking: Sequence[Ranked]) -> tuple[str, ...]:
    """The first orchestrator, or those that tie for it."""
    scored = [one for one in ranking if one.name != NONE]
    return tuple(one.name for one in scored if one.place == scored[0].place)


def _margin(ranking: Sequence[Ranked]) -> Margin | None:
    """None where no score puts the first before the others."""
    if ranking[0].score is None or ranking[1].score is None:
        return None
    return Margin(ranking[1].name, ranking[0].score - ranking[1].score)


def _reasons(side: str, judged: Sequence[Judged], *, ahead: bool) -> tuple[Reason, ...]:
    """Where it is the best and not all are, or where another is better; by weight, then by how far."""
    weighed = [(one, topic) for one in judged for topic in one.topics if one.weight > 0 and topic.unknown is None]
    compared = [_compared(side, one, topic, ahead=ahead) for one, topic in weighed]
    found = [one for one in compared if one is not None]
    return tuple(sorted(found, key=lambda one: (-one.weight, -abs(one.evidence.score - one.other_evidence.score))))


def _compared(side: str, judged: Judged, topic: Topic, *, ahead: bool) -> Reason | None:
    """With the worst of the others where it is the best, with the best where it is not."""
    own, others = topic.evidence[side], [one for one in ORCHESTRATORS if one != side]
    best, worst = (choose(others, key=lambda one: topic.evidence[one].score) for choose in (max, min))
    is_best = own.score >= topic.evidence[best].score
    other = worst if is_best else best
    if is_best != ahead or own.score == topic.evidence[other].score:
        return None
    return Reason(judged.name, topic.title, judged.weight, side, own, other, topic.evidence[other])


def _unknown(judged: Sequence[Judged]) -> Iterator[Unknown]:
    for one in judged:
        for topic in one.topics:
            if topic.unknown is not None and one.weight > 0:
                yield Unknown(one.name, topic.title, one.weight, topic.unknown)


def _notes() -> dict[str, tuple[Note, ...]]:
    return {key: tuple(Note(**one) for one in none_yet()[key]) for key in ("reasons", "against")}


def _flips(profile: Profile, results: Mapping[str, Any] | None, first: tuple[str, ...]) -> Iterator[Flip]:
    """Each answer, alone, that would put others first."""
    for question, answer in _other_answers(profile):
        other = profile.with_answer(question, answer)
        found = _first(_ranking(other, judge(other, results)))
        if set(found) != set(first):
            yield Flip(question, answer, found)


def _other_answers(profile: Profile) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each choice that was not made; of a question with several, one choice more or less."""
    for question in questions().values():
        given = profile.answers.get(question.name, ())
        for choice in question.choices:
            toggled = tuple(one for one in question.choices if (one in given) != (one == choice))
            if question.many and toggled:
                yield question.name, toggled
            elif not question.many and choice not in given:
                yield question.name, (choice,)
