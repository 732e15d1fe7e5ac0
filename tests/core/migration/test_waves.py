"""The order of a plan on small random graphs, against brute force: what moves when, and which bridges stand then."""

from __future__ import annotations

from itertools import pairwise, permutations, product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint_migrate.inventory import Dag, Dependency, Inventory, Task
from counterpoint_migrate.plan import Plan, Settings, plan

NAMES = "abcdef"
PAIRS = list(permutations(NAMES, 2))
SURE = {"certain": 1.0, "high": 0.8, "medium": 0.5, "low": 0.2}
KINDS = {"certain": "sensor", "high": "path", "medium": "clock", "low": "path"}
Edges = dict[tuple[str, str], str]


def task(dag: str, number: int) -> Task:
    return Task(
        id=f"t{number}",
        literal=True,
        operator="EmptyOperator",
        module="airflow.operators.empty",
        place=f"{dag}.py:2",
        kind="operator",
        arguments={},
    )


def folder(edges: Edges, tasks: dict[str, int] | None = None) -> Inventory:
    """An inventory of DAGs that hang together by edges, as a file would give it."""
    schedule = {"kind": "none", "value": None, "expression": None, "assets": []}
    dags = [
        Dag(name, literal=True, place=f"{name}.py:1", style="call", schedule=schedule, settings={}, defaults={})
        for name in NAMES
    ]
    for dag in dags:
        dag.tasks += [task(dag.id, number) for number in range((tasks or {}).get(dag.id, 1))]
    dependencies = [Dependency(*pair, KINDS[sure], sure, f"{pair[1]}.py:2", "") for pair, sure in edges.items()]
    return Inventory("none", [], dags, dependencies, [], [])


def reach(pairs: list[tuple[str, str]]) -> set[tuple[str, str]]:
    """All pairs of which the second comes after the first, by trying every way."""
    found = set(pairs)
    for middle, first, last in product(NAMES, repeat=3):
        if (first, middle) in found and (middle, last) in found:
            found.add((first, last))
    return found


EDGES = st.dictionaries(st.sampled_from(PAIRS), st.sampled_from(list(SURE)), max_size=10)


@given(edges=EDGES, most=st.integers(1, 6), values=st.dictionaries(st.sampled_from(NAMES), st.floats(0, 1), max_size=4))
@settings(max_examples=100, deadline=None)
def test_bridges_stand_exactly_while_an_edge_crosses(edges: Edges, most: int, values: dict[str, float]) -> None:
    found = plan(folder(edges), Settings(max_dags=most, values=values))
    assert sorted(dag for wave in found.waves for dag in wave.dags) == list(NAMES)
    moved: set[str] = set()
    for wave in found.waves:
        moved |= set(wave.dags)
        crossing = {pair for pair in edges if (pair[0] in moved) != (pair[1] in moved)}
        standing = [bridge for bridge in found.bridges if bridge.number in wave.stand]
        assert {(one.dependency.upstream, one.dependency.downstream) for one in standing} == crossing
        assert len(standing) == len(crossing)
        assert all((one.direction == "dagster_to_airflow") == (one.dependency.upstream in moved) for one in standing)
    numbered = [bridge.number for bridge in found.bridges]
    assert numbered == sorted(number for wave in found.waves for number in wave.builds)
    assert numbered == sorted(number for wave in found.waves for number in wave.removes)


@given(edges=EDGES, most=st.integers(1, 6))
@settings(max_examples=100, deadline=None)
def test_cycles_move_at_once_and_are_found_by_trying_every_way(edges: Edges, most: int) -> None:
    found = plan(folder(edges), Settings(max_dags=most))
    binding = [pair for pair, sure in edges.items() if SURE[sure] >= 0.5]
    for way, wanted in ((reach(binding), True), (reach(list(edges)), False)):
        circling = {frozenset(b for b in NAMES if (a, b) in way and (b, a) in way) for a in NAMES}
        groups = {group for group in circling if group}
        told = {frozenset(cycle.dags) for cycle in found.cycles if cycle.binding or not wanted}
        assert told == groups if wanted else told >= groups
    waves = {dag: wave.number for wave in found.waves for dag in wave.dags}
    for cycle in found.cycles:
        ends = cycle.name.split(" -> ")
        assert (ends[0], set(ends) <= set(cycle.dags)) == (ends[-1], True)
        assert all(step in edges for step in pairwise(ends))
        assert not cycle.binding or len({waves[dag] for dag in cycle.dags}) == 1


@given(edges=EDGES, most=st.integers(1, 6))
@settings(max_examples=100, deadline=None)
def test_a_wave_holds_its_limit_and_its_order(edges: Edges, most: int) -> None:
    found = plan(folder(edges), Settings(max_dags=most))
    way = reach([pair for pair, sure in edges.items() if SURE[sure] >= 0.5])
    for wave in found.waves:
        whole = next((set(one.dags) for one in found.cycles if one.binding and one.dags[0] in wave.dags), set())
        assert len(wave.dags) <= most or set(wave.dags) == whole
        assert bool(len(wave.dags) > most) == ("more than a wave may hold, but it cannot be divided" in wave.notes)
        for place, dag in enumerate(wave.dags):
            needed = {one for one in wave.dags if (one, dag) in way and (dag, one) not in way}
            assert needed <= set(wave.dags[:place])


@given(edges=EDGES)
@settings(max_examples=40, deadline=None)
def test_the_order_of_what_was_found_changes_nothing(edges: Edges) -> None:
    one, other = folder(edges), folder(dict(reversed(edges.items())))
    other.dags.reverse()
    first, second = plan(one), plan(other)
    assert (first.waves, first.dags, first.bridges) == (second.waves, second.dags, second.bridges)


def waves_of(found: Plan) -> list[str]:
    return ["".join(sorted(wave.dags)) for wave in found.waves]


@pytest.mark.parametrize(
    ("edges", "given_", "expected"),
    [
        # what hangs together moves together, also where single ones score better
        ({("a", "b"): "certain", ("b", "c"): "certain"}, {"max_dags": 3}, ["def", "abc"]),
        # a chain that fits no wave begins at its leaf, which nobody waits for
        (
            {("a", "b"): "certain", ("b", "c"): "certain", ("c", "d"): "certain", ("d", "e"): "certain"},
            {"max_dags": 2},
            ["f", "de", "c", "ab"],
        ),
        # value beats a small risk
        ({}, {"max_dags": 1, "values": {"e": 1.0, "b": 0.9}}, ["e", "b", "a", "c", "d", "f"]),
        # a guess of low confidence closes a circle, but binds nothing
        ({("a", "b"): "certain", ("b", "a"): "low"}, {"max_dags": 1}, ["c", "d", "e", "f", "b", "a"]),
    ],
)
def test_examples(edges: Edges, given_: dict[str, Any], expected: list[str]) -> None:
    assert waves_of(plan(folder(edges), Settings(**given_))) == expected


def test_tasks_limit_a_wave_too() -> None:
    found = plan(folder({}, dict.fromkeys(NAMES, 10) | {"c": 100}), Settings(max_tasks=20))
    assert max(wave.tasks for wave in found.waves if "c" not in wave.dags) == 20
    assert [wave.notes for wave in found.waves if "c" in wave.dags] == [
        ("more than a wave may hold, but it cannot be divided",),
    ]


def test_a_guess_weighs_less_than_a_declaration() -> None:
    found = plan(folder({("a", "b"): "certain", ("c", "d"): "medium", ("e", "f"): "low"}))
    coupling = [found.move(dag).score.coupling.value for dag in "bdf"]
    assert coupling == [0.3333, 0.2, 0.0909]
    assert found.move("a").score.risk.facts == ("1 of 5 other DAGs come after it",)
    assert found.move("c").score.risk.facts == (
        "a guess of medium confidence: c -> d (clock)",
        "1 of 5 other DAGs come after it",
    )


def test_a_dag_that_waits_for_itself_is_no_cycle() -> None:
    found = plan(folder({("a", "a"): "certain"}))
    assert (found.cycles, found.bridges) == ([], [])
