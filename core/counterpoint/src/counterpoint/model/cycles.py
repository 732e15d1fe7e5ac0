"""Waiting across pipelines that can never end: circles of steps, and waits for what is not there."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from counterpoint.model.suggest import suggest
from counterpoint.model.waits import WaitKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from counterpoint.model.pipelines import Pipeline
    from counterpoint.model.waits import Wait

Node = tuple[str, str]


class Problem(NamedTuple):
    """Something that is wrong, and the fix."""

    what: str
    fix: str


def problems(pipelines: Mapping[str, Pipeline]) -> tuple[Problem, ...]:
    """What is wrong with the waits of pipelines, which are found by these names."""
    known = {**pipelines, **{pipeline.name: pipeline for pipeline in pipelines.values()}}
    wrong = [problem for where, wait in _waits(pipelines) if (problem := _unknown(where, wait, known))]
    circles = [Problem(circle, "remove one of these edges") for circle in cycles(pipelines)]
    return tuple(dict.fromkeys([*wrong, *circles]))


def cycles(pipelines: Mapping[str, Pipeline]) -> Iterator[str]:
    """Circles in which each step waits for the next, or depends on it, as `a.x -> b.y -> a.x`.

    Edges to earlier partitions close none. Of circles that share a wait between pipelines, one is told.
    """
    graph = _graph(pipelines)
    while True:
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            circle: list[Node] = error.args[1][::-1]
            edges = list(pairwise(circle))
            # begun with its least step, it reads the same whatever was found first
            first = circle.index(min(circle))
            turned = [*circle[first:-1], *circle[:first], circle[first]]
            yield " -> ".join(map(".".join, turned))
            for step, before in [edge for edge in edges if edge[0][0] != edge[1][0]] or edges:
                graph[step].discard(before)
        else:
            return


def _graph(pipelines: Mapping[str, Pipeline]) -> dict[Node, set[Node]]:
    names = {name: pipeline.name for name, pipeline in pipelines.items()}
    graph: dict[Node, set[Node]] = {}
    for pipeline in pipelines.values():
        for step in pipeline.steps:
            others = [wait for wait in step.waits if wait.kind is WaitKind.PARTITION]
            graph[pipeline.name, step.name] = {
                *((pipeline.name, name) for name in step.upstream),
                *((names.get(wait.target, wait.target), str(wait.step)) for wait in others),
            }
    return graph


def _waits(pipelines: Mapping[str, Pipeline]) -> Iterator[tuple[str, Wait]]:
    for pipeline in pipelines.values():
        for step in pipeline.steps:
            yield from ((f"{pipeline.name}.{step.name}", wait) for wait in step.waits)


def _unknown(where: str, wait: Wait, known: Mapping[str, Pipeline]) -> Problem | None:
    if wait.kind is not WaitKind.PARTITION:
        return None
    said, name = f"{where} waits for", str(wait.step)
    if wait.target not in known:
        return Problem(f"{said} pipeline {wait.target!r}, which is not registered", suggest(wait.target, known))
    other = known[wait.target]
    if name not in other.step_names:
        return Problem(f"{said} {wait.target}.{name}, which is no step", suggest(name, other.step_names))
    if other.step(name).map_over:
        return Problem(f"{said} {wait.target}.{name}, which is mapped", "wait for a step that merges its elements")
    return None
