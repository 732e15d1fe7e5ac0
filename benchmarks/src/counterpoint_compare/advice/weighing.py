"""From answers to weights, from evidence to scores, from both to totals and places."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, Any

from counterpoint_compare.advice.answer import Judged, Topic
from counterpoint_compare.advice.compared import ORCHESTRATORS
from counterpoint_compare.advice.evidence import topics_of
from counterpoint_compare.advice.tables import Criterion, criteria, questions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from counterpoint_compare.advice.profile import Profile


def judge(profile: Profile, results: Mapping[str, Any] | None) -> tuple[Judged, ...]:
    """All criteria with weight and scores, the weightiest first."""
    found = [_judged(one, profile, topics_of(one, profile, results)) for one in criteria()]
    return tuple(sorted(found, key=lambda one: -one.weight))


def weight_of(criterion: Criterion, profile: Profile) -> tuple[float, tuple[str, ...]]:
    """The weight of a criterion, never below zero, and the answers that changed it."""
    given = [(name, questions()[name].choices[one]) for name, chosen in profile.answers.items() for one in chosen]
    changes = [(name, choice, choice.weights.get(criterion.name, 0.0)) for name, choice in given]
    weight = max(0.0, criterion.base + sum(change for *_, change in changes))
    return weight, tuple(f"{name} = {choice.name}" for name, choice, change in changes if change)


def _judged(criterion: Criterion, profile: Profile, topics: tuple[Topic, ...]) -> Judged:
    weight, because = weight_of(criterion, profile)
    known = [topic for topic in topics if topic.unknown is None]
    scores = {side: fmean(topic.evidence[side].score for topic in known) for side in ORCHESTRATORS} if known else {}
    share = len(known) / len(topics) if topics else 0.0
    return Judged(criterion.name, criterion.title, weight, because, scores, share, topics)


def totals(judged: Sequence[Judged]) -> dict[str, float]:
    """The mean of the scores of each, by weight, over the criteria of which anything is known."""
    counted = [one for one in judged if one.scores and one.weight > 0]
    whole = sum(one.weight for one in counted)
    if not whole:
        return dict.fromkeys(ORCHESTRATORS, 0.0)
    return {side: sum(one.weight * one.scores[side] for one in counted) / whole for side in ORCHESTRATORS}


def places(found: Mapping[str, float], tie: float) -> dict[str, int]:
    """The place of each: one more than the number of those that are ahead by more than a tie."""
    limit = tie + 1e-9  # what the arithmetic itself may be off by
    return {side: 1 + sum(other > own + limit for other in found.values()) for side, own in found.items()}


def known_share(judged: Sequence[Judged]) -> float:
    """How much of what was weighed is known, from 0 to 1."""
    whole = sum(one.weight for one in judged)
    return sum(one.weight * one.known for one in judged) / whole if whole else 0.0
