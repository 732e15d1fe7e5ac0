"""From an inventory to a plan: cycles, scores, waves, bridges."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from counterpoint_migrate.inventory.dates import Dates
from counterpoint_migrate.inventory.inventory_model import Dependency
from counterpoint_migrate.plan.bridges import bridges, shared_pools
from counterpoint_migrate.plan.plans import BINDING, WEIGHT, Cycle, Move, Plan, Wave, in_file_order
from counterpoint_migrate.plan.requirements import needs, pools_of, strangers
from counterpoint_migrate.plan.scc import circle, groups, reached
from counterpoint_migrate.plan.scores import Known, neighbours_of, score
from counterpoint_migrate.plan.settings import Settings
from counterpoint_migrate.plan.waves import Unit, in_order, ties, waves

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from counterpoint_migrate.inventory.inventory_model import Dag, Inventory, Unresolved
    from counterpoint_migrate.plan.plans import Bridge, Score

Pair = tuple[str, str]


def plan(found: Inventory, settings: Settings | None = None) -> Plan:
    """An order in which the DAGs of an inventory move to Dagster, with what that takes.

    Raises:
        UsageError: the settings name a DAG that is not there.
    """
    settings = settings or Settings()
    return _Planner(found, settings).plan()


class _Planner:
    def __init__(self, found: Inventory, settings: Settings) -> None:
        self.found, self.settings = found, settings
        self.dags: dict[str, list[Dag]] = {}
        for dag in found.dags:
            self.dags.setdefault(dag.id, []).append(dag)
        settings.check(self.dags)
        self.at: dict[str, set[str]] = {}
        for dag in found.dags:
            for place in (dag.place, *(task.place for task in dag.tasks)):
                self.at.setdefault(place, set()).add(dag.id)
        self.dependencies = sorted([*found.dependencies, *_assets_from_outside(found)], key=_ends)
        self.inner = [one for one in self.dependencies if _inside(one, self.dags) and one.upstream != one.downstream]
        self.weights = _weights(self.inner)
        self.cycles = _cycles(sorted(self.dags), self.inner, self.weights)
        self.binding = [pair for pair, weight in self.weights.items() if weight >= BINDING]
        self.later = reached(self.dags, self.binding)
        self.pools = {dag: set(chain(*map(pools_of, dags))) for dag, dags in self.dags.items()}
        self.dates = Dates(Path(found.folder))

    def plan(self) -> Plan:
        known = {dag: self._known(dag) for dag in sorted(self.dags)}
        scores = {dag: score(facts, self.settings.weights) for dag, facts in known.items()}
        ordered = self._ordered(known, scores)
        numbers = {dag: number for number, wave in enumerate(ordered, 1) for dag in wave}
        crossing = bridges(self.dependencies, numbers)
        moves = [self._move(dag, known[dag], scores[dag], numbers[dag]) for dag in chain(*ordered)]
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
        )

    def _known(self, dag: str) -> Known:
        dags = self.dags[dag]
        around = [one for one in self.dependencies if dag in {one.upstream, one.downstream}]
        others = set().union(*(pools for other, pools in self.pools.items() if other != dag))
        return Known(
            tasks=sum(len(one.tasks) for one in dags),
            needs=needs(dags, self.dates),
            strangers=strangers(dags),
            unresolved=self._unresolved(dag),
            dependencies=around,
            followers=len(self.later[dag]),
            others=len(self.dags) - 1,
            cycle=next((cycle.name for cycle in self.cycles if dag in cycle.dags), None),
            shared_pools=sorted(self.pools[dag] & others),
            value=self.settings.values.get(dag),
            neighbours=neighbours_of(dag, around),
        )

    def _unresolved(self, dag: str) -> tuple[Unresolved, ...]:
        """What is not known of a DAG: at its place or those of its tasks, and elsewhere in its file."""
        files = {one.file for one in self.dags[dag]}
        return tuple(
            entry
            for entry in self.found.unresolved
            if dag in self.at.get(entry.place, ()) or (entry.place not in self.at and _file(entry.place) in files)
        )

    def _ordered(self, known: Mapping[str, Known], scores: Mapping[str, Score]) -> list[list[str]]:
        units = [
            Unit(
                tuple(sorted(dags, key=lambda dag: (-scores[dag].score, dag))),
                sum(known[dag].tasks for dag in dags),
                round(sum(scores[dag].score for dag in dags) / len(dags), 9),
            )
            for dags in groups(self.dags, self.binding)
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
            ends = {one.upstream, one.downstream} & self.dags.keys()
            if len(ends) == 1 and one.upstream != one.downstream:
                (dag,) = ends
                found[dag] = found.get(dag, 0.0) + WEIGHT[one.confidence]
        return found

    def _move(self, dag: str, known: Known, found: Score, wave: int) -> Move:
        places = tuple(one.place for one in self.dags[dag])
        return Move(
            dag, places, self._owners(dag), known.tasks, wave, found, known.needs, known.strangers, known.unresolved
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


def _assets_from_outside(found: Inventory) -> Iterator[Dependency]:
    """What DAGs wait for that no task of the folder makes: their upstreams are the assets themselves."""
    made = {asset for dag in found.dags for task in dag.tasks for asset in task.outlets}
    for dag in found.dags:
        for asset in dag.schedule["assets"]:
            if asset not in made:
                yield Dependency(asset, dag.id, "asset", "certain", dag.place, asset, outside=True)


def _ends(one: Dependency) -> tuple[str, ...]:
    return one.upstream, one.downstream, one.kind, one.place, one.detail


def _file(place: str) -> str:
    return in_file_order(place)[0]


def _inside(one: Dependency, dags: Mapping[str, object]) -> bool:
    return one.upstream in dags and one.downstream in dags


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
