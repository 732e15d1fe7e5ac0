"""Waits across pipelines that can never end: cycles of steps, and waits for steps that do not exist."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from counterpoint.model.dated import dated_cycle
from counterpoint.model.steps import OutputKind
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
    return tuple(dict.fromkeys([*unknown, *cyclic(pipelines)]))


def cyclic(pipelines: Mapping[str, Pipeline]) -> list[Problem]:
    """The cycles in the waits of pipelines, which are given by the names that waits use."""
    circles = [*cycles(pipelines)] or [*dated_cycle(pipelines)]
    return [Problem(circle, "remove one of these edges") for circle in circles]


def cycles(pipelines: Mapping[str, Pipeline]) -> Iterator[str]:
    """The cycles in which each step waits for or depends on the next, as `a.x -> b.y -> a.x`.

    Edges to earlier partitions close no cycle where all partitions are of one length. Of cycles that share a wait
    between pipelines, one is returned.
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
            pipeline_waits = [wait for wait in step.waits if wait.kind is WaitKind.PARTITION and not wait.looks_back]
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
    problem = f"{where} waits for"
    if wait.target not in by_name:
        return Problem(f"{problem} pipeline {wait.target!r}, which is not registered", suggest(wait.target, by_name))
    return unfit(where, wait, by_name[wait.target])


def unfit(where: str, wait: Wait, other: Pipeline) -> Problem | None:
    """Why a step cannot wait for a step of another pipeline, or read it; None when it can.

    Args:
        where: The step that waits, as `pipeline.step`.
        wait: Its wait.
        other: The pipeline that it waits for.
    """
    problem, name = f"{where} waits for {wait.target}.{wait.step}, which", str(wait.step)
    if name not in other.step_names:
        return Problem(f"{problem} is no step", suggest(name, other.step_names))
    step = other.step(name)
    if step.map_over:
        return Problem(f"{problem} is mapped", "wait for a step that merges its elements")
    if wait.parameter and step.output.kind is OutputKind.NONE:
        return Problem(f"{problem} has no output", f"let {wait.parameter} read a step that returns something")
    if wait.window and not step.output.partitioned:
        return Problem(f"{problem} is not partitioned", f"drop the window {wait.window}, or partition the output")
    return None
