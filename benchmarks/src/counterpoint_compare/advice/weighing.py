"""Computes weights from answers, scores from evidence, and totals and places from both."""

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
    """All criteria with weight and scores, highest weight first."""
    judged = [_judged(criterion, profile, topics_of(criterion, profile, results)) for criterion in criteria()]
    return tuple(sorted(judged, key=lambda criterion: -criterion.weight))


def weight_of(criterion: Criterion, profile: Profile) -> tuple[float, tuple[str, ...]]:
    """The weight of a criterion, never below zero, and the answers that changed it."""
    choices = [
        (name, questions()[name].choices[choice_name])
        for name, choice_names in profile.answers.items()
        for choice_name in choice_names
    ]
    changes = [(name, choice, choice.weights.get(criterion.name, 0.0)) for name, choice in choices]
    weight = max(0.0, criterion.base + sum(change for *_, change in changes))
    return weight, tuple(f"{name} = {choice.name}" for name, choice, change in changes if change)


def _judged(criterion: Criterion, profile: Profile, topics: tuple[Topic, ...]) -> Judged:
    weight, reasons = weight_of(criterion, profile)
    known_topics = [topic for topic in topics if topic.unknown is None]
    scores = (
        {side: fmean(topic.evidence[side].score for topic in known_topics) for side in ORCHESTRATORS}
        if known_topics
        else {}
    )
    share = len(known_topics) / len(topics) if topics else 0.0
    return Judged(criterion.name, criterion.title, weight, reasons, scores, share, topics)


def totals(judged: Sequence[Judged]) -> dict[str, float]:
    """The weighted mean of the scores of each side, over the criteria with evidence."""
    weighed = [criterion for criterion in judged if criterion.scores and criterion.weight > 0]
    total_weight = sum(criterion.weight for criterion in weighed)
    if not total_weight:
        return dict.fromkeys(ORCHESTRATORS, 0.0)
    return {
        side: sum(criterion.weight * criterion.scores[side] for criterion in weighed) / total_weight
        for side in ORCHESTRATORS
    }


def places(total_by_side: Mapping[str, float], tie: float) -> dict[str, int]:
    """The place of each side: one more than the number of sides that are ahead by more than `tie`."""
    limit = tie + 1e-9  # rounding errors
    return {
        side: 1 + sum(other_total > total + limit for other_total in total_by_side.values())
        for side, total in total_by_side.items()
    }


def known_share(judged: Sequence[Judged]) -> float:
    """The share of the total weight that has evidence, from 0 to 1."""
    total_weight = sum(criterion.weight for criterion in judged)
    return sum(criterion.weight * criterion.known for criterion in judged) / total_weight if total_weight else 0.0
