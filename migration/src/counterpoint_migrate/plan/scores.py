"""The score of a DAG: value, complexity, risk and coupling, each in 0..1 with the facts behind it.

- value: as the settings say, else 0.5.
- complexity: p / (p + 15). Points p: 0.2 for each task, the effort of each need once, 2 for each operator without a
  known counterpart.
- risk: 1 less the product of (1 - r) over 0.3 for each upstream that is not known or not in the folder and for each
  entry by which tasks may be missing, 0.1 for each other thing that the source does not tell, 0.1 for each guessed
  dependency, 0.5 times the share of the other DAGs that come after it, 0.15 where somebody is told when it is late, 0.3
  in a cycle.
- coupling: w / (w + 2), where w adds up for each DAG that it hangs on, or that hangs on it, the weight of the surest
  dependency (certain 1, high 0.8, medium 0.5, low 0.2), and 0.25 for each pool that it shares.
- a DAG of which no task was found is not known: its complexity and its risk are 1, and its score is 0.
- score: (wv value + wc (1 - complexity) + wr (1 - risk) + wk (1 - coupling)) / (wv + wc + wr + wk).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING

from counterpoint_migrate.plan.plans import WEIGHT, Part, Score
from counterpoint_migrate.plan.requirements import has_deadline

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from counterpoint_migrate.inventory.inventory_model import Dependency, Unresolved
    from counterpoint_migrate.plan.plans import Need, Stranger

_POINTS_OF_A_TASK, _POINTS_OF_A_STRANGER, _HALF_COMPLEX = 0.2, 2, 15
_UNKNOWN_UPSTREAM, _UNTOLD, _GUESS, _FOLLOWERS, _WATCHED, _CYCLE = 0.3, 0.1, 0.1, 0.5, 0.15, 0.3
_SHARED_POOL, _HALF_COUPLED = 0.25, 2
_UPSTREAMS = {"external_id", "outside"}
# by these tasks, or DAGs, may be missing
_LOST = {"dag_factory", "out_of_sight", "generated_code", "too_much", "no_dag", "no_tasks", "dbt", "yaml"}
_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a DAG beside its own source: `dependencies` at either end, how many DAGs come after it."""

    tasks: int
    needs: tuple[Need, ...]
    strangers: tuple[Stranger, ...]
    unresolved: tuple[Unresolved, ...]
    dependencies: Sequence[Dependency] = ()
    followers: int = 0
    others: int = 0
    cycle: str | None = None
    shared_pools: Sequence[str] = ()
    value: float | None = None
    neighbours: Mapping[str, float] = field(default_factory=dict)

    @property
    def unseen(self) -> bool:
        """Whether what it does is not known: no task of it was found."""
        return self.tasks == 0


def score(known: Known, weights: Mapping[str, float]) -> Score:
    """The score of a DAG, by weights of its parts."""
    parts = (_value(known), _complexity(known), _risk(known), _coupling(known))
    value, *costs = (part.value for part in parts)
    goods = dict(zip(("value", "complexity", "risk", "coupling"), (value, *(1 - cost for cost in costs)), strict=True))
    total = sum(weights[name] for name in goods)
    if known.unseen:
        return Score(0.0, *parts)
    return Score(round(sum(weights[name] * good for name, good in goods.items()) / total, _DIGITS), *parts)


def neighbours_of(dag: str, dependencies: Iterable[Dependency]) -> dict[str, float]:
    """The DAGs at the other ends, each with the weight of the surest dependency."""
    found: dict[str, float] = {}
    for one in dependencies:
        other = one.downstream if one.upstream == dag else one.upstream
        if other != dag:
            found[other] = max(found.get(other, 0.0), WEIGHT[one.confidence])
    return found


def _value(known: Known) -> Part:
    return Part(0.5, ("not given",)) if known.value is None else Part(known.value, ("as the settings say",))


def _complexity(known: Known) -> Part:
    if known.unseen:
        return Part(1.0, ("no task of it was found: what it does is not known",))
    points = known.tasks * _POINTS_OF_A_TASK + sum(need.effort for need in known.needs)
    points += len(known.strangers) * _POINTS_OF_A_STRANGER
    facts = [f"{known.tasks} tasks", *(f"{need.title}: {need.effort}" for need in known.needs if need.effort)]
    facts += [f"no counterpart known of {one.operator}: {_POINTS_OF_A_STRANGER}" for one in known.strangers]
    return Part(round(points / (points + _HALF_COMPLEX), _DIGITS), (f"{points:g} points", *facts))


def _risk(known: Known) -> Part:
    if known.unseen:
        return Part(1.0, ("no task of it was found: what it does is not known", *(fact for _, fact in _risks(known))))
    found = list(_risks(known))
    share = 1 - prod(1 - risk for risk, _ in found)
    return Part(round(share, _DIGITS), tuple(fact for _, fact in found) or ("nothing found",))


def _risks(known: Known) -> Iterator[tuple[float, str]]:
    for entry in known.unresolved:
        heavy = entry.kind in _UPSTREAMS | _LOST
        yield _UNKNOWN_UPSTREAM if heavy else _UNTOLD, f"{entry.detail} ({entry.place})"
    for one in known.dependencies:
        if one.confidence != "certain":
            yield _GUESS, f"a guess of {one.confidence} confidence: {one.upstream} -> {one.downstream} ({one.kind})"
    if known.followers:
        share = _FOLLOWERS * known.followers / known.others
        yield share, f"{known.followers} of {known.others} other DAGs come after it"
    if has_deadline(known.needs):
        yield _WATCHED, "somebody is told when it is late"
    if known.cycle:
        yield _CYCLE, f"in the cycle {known.cycle}"


def _coupling(known: Known) -> Part:
    pairs = sorted(known.neighbours.items())
    weight = sum(weight for _, weight in pairs) + _SHARED_POOL * len(known.shared_pools)
    facts = [f"{name}: {weight:g}" for name, weight in pairs]
    facts += [f"shares pool {pool}: {_SHARED_POOL:g}" for pool in known.shared_pools]
    return Part(round(weight / (weight + _HALF_COUPLED), _DIGITS), tuple(facts) or ("hangs on nothing",))
