"""Cycles of waits between pipelines whose partitions are of unlike length, which only single partitions show.

A day that reads the day before, which reads its week, which reads its days, waits for itself within a week, although
one of these edges leads to an earlier partition.
"""

from __future__ import annotations

from datetime import UTC, datetime
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from counterpoint.model.across import PartitionMapping
from counterpoint.model.partitions import Window
from counterpoint.model.waits import WaitKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from counterpoint.model.pipelines import Pipeline
    from counterpoint.model.steps import Step

# the partitions that are looked at: two months and more, with the end of one in a leap year
_FIRST, _LAST = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 3, 14, tzinfo=UTC)

Node = tuple[str, str]
Dated = tuple[str, str, str]


def dated_cycle(pipelines: Mapping[str, Pipeline]) -> Iterator[str]:
    """A cycle of single partitions of steps, as `a.x 2024-01-03 -> b.y 2024-01-01 -> ...`, if there is one.

    Args:
        pipelines: The pipelines, by the names that waits use.
    """
    by_name = {**pipelines, **{pipeline.name: pipeline for pipeline in pipelines.values()}}
    around = _around(by_name)
    if len({(by_name[name].partitions.kind, by_name[name].partitions.timezone) for name, _ in around}) <= 1:
        return
    graph: dict[Dated, set[Dated]] = {}
    for name, step in sorted(around):
        partitions = by_name[name].partitions
        for key in partitions.range(partitions.key_of(_FIRST), partitions.key_of(_LAST)):
            before = _before(by_name, by_name[name], by_name[name].step(step), key)
            graph[name, step, key] = {other for other in before if other[:2] in around}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        yield " -> ".join(f"{name}.{step} {key}" for name, step, key in error.args[1][::-1])


def _before(by_name: Mapping[str, Pipeline], pipeline: Pipeline, step: Step, key: str) -> Iterator[Dated]:
    """What a step of a partition waits for or reads, with its partition."""
    for upstream in step.upstream:
        yield pipeline.name, upstream, key
    for step_input in step.inputs:
        window = step_input.window or Window(0)
        yield from (
            (pipeline.name, step_input.step, pipeline.partitions.shift(key, offset))
            for offset in range(window.first, window.last + 1)
        )
    for wait in step.waits:
        if wait.kind is WaitKind.PARTITION and wait.target in by_name:
            other = by_name[wait.target]
            mapping = PartitionMapping.of(wait, pipeline.partitions, other.partitions)
            yield from ((other.name, str(wait.step), member) for member in mapping.reached(key))


def _around(by_name: Mapping[str, Pipeline]) -> set[Node]:
    """The steps that reach themselves, whatever the partitions."""
    edges: dict[Node, set[Node]] = {}
    for pipeline in by_name.values():
        for step in pipeline.steps:
            waits = [wait for wait in step.waits if wait.kind is WaitKind.PARTITION and wait.target in by_name]
            edges[pipeline.name, step.name] = {
                *((pipeline.name, name) for name in step.upstream),
                *((pipeline.name, step_input.step) for step_input in step.inputs),
                *((by_name[wait.target].name, str(wait.step)) for wait in waits),
            }
    return {node for node in edges if node in _reached(edges, node)}


def _reached(edges: Mapping[Node, set[Node]], start: Node) -> set[Node]:
    nodes, todo = set[Node](), [start]
    while todo:
        new = edges.get(todo.pop(), set()) - nodes
        nodes |= new
        todo += new
    return nodes
