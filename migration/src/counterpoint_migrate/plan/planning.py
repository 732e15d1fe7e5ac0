"""From an inventory to a plan: cycles, scores, waves, bridges."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from counterpoint_migrate.inventory.task_code import TaskCode
from counterpoint_migrate.plan.bridges import bridges, shared_pools
from counterpoint_migrate.plan.plans import BINDING, WEIGHT, Cycle, Move, Plan, Wave, is_evidence
from counterpoint_migrate.plan.requirements import needs, pools_of, strangers
from counterpoint_migrate.plan.retirement import reasons_to_retire
from counterpoint_migrate.plan.scc import circle, groups, reached
from counterpoint_migrate.plan.scope import Scope
from counterpoint_migrate.plan.scores import Known, neighbours_of, score
from counterpoint_migrate.plan.settings import Settings
from counterpoint_migrate.plan.waves import Unit, in_order, ties, waves

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from counterpoint_migrate.inventory.inventory_model import Dependency, Inventory
    from counterpoint_migrate.plan.plans import Bridge, RunHistory, Score

Pair = tuple[str, str]


def plan(
    found: Inventory,
    settings: Settings | None = None,
    history: Mapping[str, RunHistory] | None = None,
    retire_after: int = 90,
) -> Plan:
    """An order in which the DAGs of an inventory move to Dagster, with what that takes.

    Args:
        found: the inventory.
        settings: weights, size of a wave, value and owners of DAGs.
        history: when each DAG ran, by id, as its Airflow says; None where it was not asked.
        retire_after: days without a run after which a DAG is offered for retirement.

    Returns:
        The plan; what looks after Airflow itself or no longer runs is offered for retirement.

    Raises:
        UsageError: the settings name a DAG that is not there.
    """
    settings = settings or Settings()
    return _Planner(found, settings, history or {}, retire_after).plan()


class _Planner:
    def __init__(
        self, found: Inventory, settings: Settings, history: Mapping[str, RunHistory], retire_after: int
    ) -> None:
        self.found, self.settings, self.history = found, settings, history
        self.scope = Scope(found)
        self.dags, self.dependencies = self.scope.dags, self.scope.dependencies
        settings.check(self.dags)
        self.code = TaskCode(Path(found.folder))
        self.retired = reasons_to_retire(self.dags, self.code, history, retire_after)
        self.moving = self.dags.keys() - self.retired.keys()
        inner = [one for one in self.dependencies if one.upstream != one.downstream and not is_evidence(one)]
        inner = [one for one in inner if {one.upstream, one.downstream} <= self.moving]
        self.weights = _weights(inner)
        self.cycles = _cycles(sorted(self.moving), inner, self.weights)
        self.binding = [pair for pair, weight in self.weights.items() if weight >= BINDING]
        self.later = reached(self.moving, self.binding)
        self.pools = {dag: set(chain(*map(pools_of, self.dags[dag]))) for dag in sorted(self.moving)}
        self.users: dict[str, set[str]] = {}
        for dag, pools in self.pools.items():
            for pool in pools:
                self.users.setdefault(pool, set()).add(dag)

    def plan(self) -> Plan:
        known = {dag: self._known(dag) for dag in sorted(self.dags)}
        scores = {dag: score(facts, self.settings.weights) for dag, facts in known.items()}
        ordered = self._ordered(known, scores)
        numbers = {dag: number for number, wave in enumerate(ordered, 1) for dag in wave}
        crossing = bridges([one for one in self.dependencies if not is_evidence(one)], numbers)
        rest = sorted(self.retired)
        moves = [self._move(dag, known[dag], scores[dag], numbers.get(dag, 0)) for dag in (*chain(*ordered), *rest)]
        return Plan(
            self.found.folder,
            self.settings.to_dict(),
            [self._wave(number, wave, numbers, crossing) for number, wave in enumerate(ordered, 1)],
            moves,
            self.cycles,
            crossing,
            [one for one in self.dependencies if one.confidence != "certain"],
            self.found.plugins,
            self.found.unresolved,
            self.found.clock_groups,
        )

    def _known(self, dag: str) -> Known:
        dags = self.dags[dag]
        around = self.scope.around.get(dag, [])
        firm = [one for one in around if not is_evidence(one)]
        pools = self.pools.get(dag, set())
        return Known(
            tasks=sum(len(one.tasks) for one in dags),
            needs=needs(dags, self.code, around),
            strangers=strangers(dags),
            unresolved=tuple(self.scope.unresolved.get(dag, ())),
            dependencies=firm,
            followers=len(self.later.get(dag, ())),
            others=len(self.dags) - 1,
            cycle=next((cycle.name for cycle in self.cycles if dag in cycle.dags), None),
            shared_pools=sorted(pool for pool in pools if len(self.users[pool]) > 1),
            value=self.settings.values.get(dag),
            neighbours=neighbours_of(dag, firm),
        )

    def _ordered(self, known: Mapping[str, Known], scores: Mapping[str, Score]) -> list[list[str]]:
        units = [
            Unit(
                tuple(sorted(dags, key=lambda dag: (-scores[dag].score, dag))),
                sum(known[dag].tasks for dag in dags),
                round(sum(scores[dag].score for dag in dags) / len(dags), 9),
            )
            for dags in groups(self.moving, self.binding)
        ]
        home = {dag: unit for unit in units for dag in unit.dags}
        hang = ties(units, self.weights, self._outside())
        before: dict[Unit, set[Unit]] = {}
        for one, others in self.later.items():
            for other in others:
                before.setdefault(home[other], set()).add(home[one])
        return [in_order(wave, before) for wave in waves(units, hang, self.settings)]

    def _outside(self) -> dict[str, float]:
        """How strongly each DAG hangs on what is not in the folder."""
        found: dict[str, float] = {}
        for one in self.dependencies:
            ends = {one.upstream, one.downstream} & self.moving
            if len(ends) == 1 and one.upstream != one.downstream and not is_evidence(one):
                (dag,) = ends
                found[dag] = found.get(dag, 0.0) + WEIGHT[one.confidence]
        return found

    def _move(self, dag: str, known: Known, found: Score, wave: int) -> Move:
        places = tuple(one.place for one in self.dags[dag])
        return Move(
            dag,
            places,
            self._owners(dag),
            known.tasks,
            wave,
            found,
            known.needs,
            known.strangers,
            known.unresolved,
            tuple(one.key for one in self.dags[dag] if one.parent is not None),
            self.retired.get(dag),
            self.history.get(dag),
        )

    def _owners(self, dag: str) -> tuple[str, ...]:
        given = self.settings.owners.get(dag)
        return given if given is not None else tuple(sorted({o for one in self.dags[dag] for o in one.owners}))

    def _wave(self, number: int, dags: Sequence[str], numbers: Mapping[str, int], crossing: Sequence[Bridge]) -> Wave:
        return Wave(
            number,
            tuple(dags),
            sum(len(one.tasks) for dag in dags for one in self.dags[dag]),
            tuple(sorted({owner for dag in dags for owner in self._owners(dag)})),
            tuple(bridge.number for bridge in crossing if bridge.begins == number),
            tuple(bridge.number for bridge in crossing if bridge.ends == number),
            tuple(bridge.number for bridge in crossing if bridge.stands_after(number)),
            tuple(self._notes(number, dags, numbers)),
        )

    def _notes(self, number: int, dags: Sequence[str], numbers: Mapping[str, int]) -> list[str]:
        notes = [f"cycle {one.name}: moves at once" for one in self.cycles if one.binding and one.dags[0] in dags]
        tasks = sum(len(one.tasks) for dag in dags for one in self.dags[dag])
        most = self.settings.max_tasks
        if len(dags) > self.settings.max_dags or (most is not None and tasks > most):
            notes.append("more than a wave may hold, but it cannot be divided")
        for pool, first, last in shared_pools(self.pools, numbers):
            if first <= number < last:
                notes.append(f"pool {pool}: used on both sides until wave {last}; divide its slots between them")
        return notes


def _weights(dependencies: Sequence[Dependency]) -> dict[Pair, float]:
    """The weight of each pair of DAGs: that of the surest dependency."""
    found: dict[Pair, float] = {}
    for one in dependencies:
        pair = one.upstream, one.downstream
        found[pair] = max(found.get(pair, 0.0), WEIGHT[one.confidence])
    return found


def _cycles(dags: Sequence[str], inner: Sequence[Dependency], weights: Mapping[Pair, float]) -> list[Cycle]:
    """Those that bind, and those that only hold if a guess of low confidence does."""
    limits = {"certain": 1.0, "binding": BINDING, "all": 0.0}
    pairs = {name: [pair for pair, weight in weights.items() if weight >= limit] for name, limit in limits.items()}
    found = {name: {group for group in groups(dags, pairs[name]) if len(group) > 1} for name in limits}
    return [
        Cycle(
            " -> ".join(circle(set(group), pairs["binding" if group in found["binding"] else "all"])),
            group,
            group in found["certain"],
            group in found["binding"],
            tuple(one for one in inner if one.upstream in group and one.downstream in group),
        )
        for group in sorted(found["binding"] | found["all"])
    ]
