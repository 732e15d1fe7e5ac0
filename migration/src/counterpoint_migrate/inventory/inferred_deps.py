"""Dependencies that nobody declared, but that are probable: by shared paths, and by the clock.

Paths: one DAG writes what another reads (a path, a URI, a table; equal texts): medium. Where one of them only names
it, or where a table is named without its schema: low. What a template gives another value in each DAG or run equals
nothing. Clock: see `clock_deps`; what paths and clock say both is high.

Nothing is said where a declared dependency, in either direction, tells it already.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from counterpoint_migrate.inventory.clock_deps import by_clock
from counterpoint_migrate.inventory.declared_deps import reach
from counterpoint_migrate.inventory.inventory_model import ClockGroup, Dag, Dependency

if TYPE_CHECKING:
    from collections.abc import Iterator

Pair = tuple[str, str]
Places = dict[Dag, dict[str, str]]

# templates whose value is another in each DAG, task or run
_OWN = re.compile(r"\{\{[^}]*\b(?:params|conf|xcom_pull|dag|task|ti|task_instance|run_id|dag_run)\b")


def probable(dags: list[Dag], declared: list[Dependency]) -> tuple[list[Dependency], list[ClockGroup]]:
    """Dependencies that are not declared, each with its confidence and the reason; and groups by the clock."""
    after = reach(declared)

    def told(upstream: str, downstream: str) -> bool:
        return downstream in after.get(upstream, ()) or upstream in after.get(downstream, ())

    of_paths = {(one.upstream, one.downstream): one for one in _paths(dags) if not told(one.upstream, one.downstream)}
    either_way = {*of_paths, *((downstream, upstream) for upstream, downstream in of_paths)}
    clocks, groups = by_clock(dags, told)
    hours = {(one.upstream, one.downstream): one for one in clocks}
    both = of_paths.keys() & hours.keys()
    found = [
        replace(one, confidence="high", detail=f"{one.detail}; {hours[ends].detail}") if ends in both else one
        for ends, one in of_paths.items()
    ]
    return found + [one for ends, one in hours.items() if ends not in either_way], groups


def _paths(dags: list[Dag]) -> Iterator[Dependency]:
    written, read, named = ({dag: _of(dag, side) for dag in dags} for side in ("writes", "reads", "mentions"))
    made = {name for names in written.values() for name in names}
    for before, later in _sharing(dags, written, read, named):
        sure = written[before].keys() & read[later].keys()
        perhaps = written[before].keys() & named[later].keys() - written[later].keys()
        perhaps |= named[before].keys() & read[later].keys() - read[before].keys() - made
        if not sure | perhaps:
            continue
        thing = min(sure or perhaps, key=lambda name: (not _specific(name), name))
        detail = (
            f"{before.id} {'writes' if sure else 'may write'} {thing}, {later.id} {_reading(read, later, thing)} it"
        )
        confidence = "medium" if sure and _specific(thing) else "low"
        yield Dependency(before.key, later.key, "path", confidence, (named[before] | written[before])[thing], detail)


def _sharing(dags: list[Dag], written: Places, read: Places, named: Places) -> Iterator[tuple[Dag, Dag]]:
    """The pairs of DAGs that both name something, in the order of the source."""
    position = {dag: number for number, dag in enumerate(dags)}
    sources: dict[str, list[Dag]] = {}
    users: dict[str, list[Dag]] = {}
    for dag in dags:
        for name in written[dag].keys() | named[dag].keys():
            sources.setdefault(name, []).append(dag)
        for name in read[dag].keys() | named[dag].keys():
            users.setdefault(name, []).append(dag)
    pairs = {
        (position[before], position[later])
        for name, befores in sources.items()
        for before in befores
        for later in users.get(name, ())
        if before.key != later.key
    }
    return ((dags[before], dags[later]) for before, later in sorted(pairs))


def _reading(read: Places, dag: Dag, thing: str) -> str:
    return "reads" if thing in read[dag] else "may read"


def _specific(name: str) -> bool:
    """Whether it is a path, or a table with its schema, and no bare word that many have."""
    return "/" in name or "." in name


def _of(dag: Dag, side: str) -> dict[str, str]:
    """What the tasks of a DAG write, read or only name, with the place of the task."""
    found: dict[str, str] = {}
    for task in dag.tasks:
        names: set[str] = getattr(task.uses, side)
        if side == "mentions":
            names = names - task.uses.reads - task.uses.writes
        found |= {name: task.place for name in sorted(names) if name not in found and not _OWN.search(name)}
    return found
