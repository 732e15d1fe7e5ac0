"""The gate: which model production gets, from its metrics, the champion's, and popularity's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from counterpoint.errors import UsageError
from counterpoint.model import Champion, Decision

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.storage import Model

# Per model: the metric that decides; by how much (a share of it) it must beat what stands; the least that production
# and staging take, whatever it beats.
DEFAULTS: dict[str, dict[str, Any]] = {
    "retrieval": {"metric": "all.recall@20", "margin": 0.02, "production": 0.05, "staging": 0.01},
    "ranking": {"metric": "ndcg@20", "margin": 0.005, "production": 0.30, "staging": 0.10},
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model at the gate: its registered name and step, and its evaluation (None: there is none)."""

    kind: str
    trained: bool
    evaluation: Mapping[str, Any] | None

    @property
    def model(self) -> str:
        """The registered name."""
        return f"streamrec-{self.kind}"

    @property
    def step(self) -> str:
        """The step that trained it."""
        return f"{self.kind}_model"


def registered_models(
    retrieval_model: Model | None,
    ranking_model: Model | None,
    retrieval_evaluation: Mapping[str, Any] | None,
    ranking_evaluation: Mapping[str, Any] | None,
    champions: Mapping[str, Champion],
    gate: Mapping[str, Mapping[str, Any]],
) -> list[Decision]:
    """A decision per model, each on its own: one that failed does not hold the other back.

    A model must beat the champion by the margin, or popularity when there is no champion. It goes to production
    when it does and reaches production's least; to staging when it beats popularity and reaches staging's least.

    Raises:
        UsageError: the setting `gate` names an unknown model or limit.
    """
    candidates = (
        Candidate("retrieval", retrieval_model is not None, retrieval_evaluation),
        Candidate("ranking", ranking_model is not None, ranking_evaluation),
    )
    limits = limits_of(gate)
    return [_decide(candidate, champions.get(candidate.model), limits[candidate.kind]) for candidate in candidates]


def limits_of(gate: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The limits of the gate: the defaults with what is given.

    Raises:
        UsageError: it names an unknown model or limit.
    """
    for kind, given in gate.items():
        unknown = [f"{kind}.{name}" for name in given if name not in DEFAULTS.get(kind, {})]
        if kind not in DEFAULTS or unknown:
            names = ", ".join(f"{kind}.{name}" for kind, limits in DEFAULTS.items() for name in limits)
            raise UsageError(f"gate: no limit {(unknown or [kind])[0]!r}; there are {names}")
    return {kind: {**limits, **gate.get(kind, {})} for kind, limits in DEFAULTS.items()}


def _decide(candidate: Candidate, champion: Champion | None, limits: Mapping[str, Any]) -> Decision:
    if not candidate.trained:
        return Decision(candidate.model, candidate.step, "hold", "it was not trained", {}, {})
    if candidate.evaluation is None:
        return Decision(candidate.model, candidate.step, "hold", "its evaluation failed or did not run", {}, {})
    metrics, baseline = dict(candidate.evaluation["model"]), dict(candidate.evaluation["popularity"])
    sides = {"the model": metrics, "popularity": baseline, "the champion": champion.metrics if champion else metrics}
    absent = [side for side, values in sides.items() if limits["metric"] not in values]
    if absent:
        reason = f"{absent[0]} has no metric {limits['metric']!r}; there are {', '.join(sides[absent[0]])}"
        return Decision(candidate.model, candidate.step, "hold", reason, metrics, baseline)
    stage, reason = _judge(limits, metrics, baseline, champion)
    return Decision(candidate.model, candidate.step, stage, reason, metrics, baseline)


def _judge(
    limits: Mapping[str, Any],
    metrics: Mapping[str, float],
    baseline: Mapping[str, float],
    champion: Champion | None,
) -> tuple[str, str]:
    name = limits["metric"]
    value, popularity = metrics[name], baseline[name]
    standing = champion.metrics[name] if champion else popularity
    rival = f"champion {champion.model}/{champion.version} of {champion.partition}" if champion else "popularity"
    needed = standing * (1 + limits["margin"])
    told = f"{name} {value:.4f} against {standing:.4f} of {rival} and a margin of {limits['margin']:.1%}"
    if value > needed and value >= limits["production"]:
        return "production", f"{told}: beaten, and over production's least {limits['production']:g}"
    if value > popularity and value >= limits["staging"]:
        return "staging", f"{told}: not production, but over popularity's {popularity:.4f}"
    return (
        "hold",
        f"{told}: not beaten, or under staging's least {limits['staging']:g} (popularity {popularity:.4f})",
    )
