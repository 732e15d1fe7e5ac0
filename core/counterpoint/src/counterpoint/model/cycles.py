"""Waits across pipelines that can never end: cycles of steps, and waits for steps that do not exist."""

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
    """A problem and its fix."""

    what: str
    fix: str


def problems(pipelines: Mapping[str, Pipeline]) -> tuple[Problem, ...]:
    """The problems in the waits of pipelines, which are given by the names that waits use."""
    by_name = {**pipelines, **{pipeline.name: pipeline for pipeline in pipelines.values()}}
    unknown = [problem for where, wait in _waits(pipelines) if (problem := _unknown(where, wait, by_name))]
    cyclic = [Problem(circle, "remove one of these edges") for circle in cycles(pipelines)]
    return tuple(dict.fromkeys([*unknown, *cyclic]))


def cycles(pipelines: Mapping[str, Pipeline]) -> Iterator[str]:
    """The cycles in which each step waits for or depends on the next, as `a.x -> b.y -> a.x`.

    Edges to earlier partitions close no cycle. Of cycles that share a wait between pipelines, one is returned.
    """
    graph = _graph(pipelines)
    while True:
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            circle: list[Node] = error.args[1][::-1]
            edges = list(pairwise(circle))
            # it starts with its smallest step, so that it reads the same wherever the search began
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
            pipeline_waits = [wait for wait in step.waits if wait.kind is WaitKind.PARTITION]
            graph[pipeline.name, step.name] = {
                *((pipeline.name, name) for name in step.upstream),
                *((names.get(wait.target, wait.target), str(wait.step)) for wait in pipeline_waits),
            }
    return graph


def _waits(pipelines: Mapping[str, Pipeline]) -> Iterator[tuple[str, Wait]]:
    for pipeline in pipelines.values():
        for step in pipeline.steps:
            yield from ((f"{pipeline.name}.{step.name}", wait) for wait in step.waits)


def _unknown(where: str, wait: Wait, by_name: Mapping[str, Pipeline]) -> Problem | None:
    if wait.kind is not WaitKind.PARTITION:
        return None
    problem, name = f"{where} waits for", str(wait.step)
    if wait.target not in by_name:
        return Problem(f"{problem} pipeline {wait.target!r}, which is not registered", suggest(wait.target, by_name))
    pipeline = by_name[wait.target]
    if name not in pipeline.step_names:
        return Problem(f"{problem} {wait.target}.{name}, which is no step", suggest(name, pipeline.step_names))
    if pipeline.step(name).map_over:
        return Problem(f"{problem} {wait.target}.{name}, which is mapped", "wait for a step that merges its elements")
    return None
