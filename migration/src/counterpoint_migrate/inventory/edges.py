"""Edges between the tasks of a DAG, however they are written."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory.inventory_model import Group, Task
from counterpoint_migrate.inventory.values import Made, inside

if TYPE_CHECKING:
    from collections.abc import Sequence

    from counterpoint_migrate.inventory.state import State


def shifted(state: State, left: Any, right: Any, *, down: bool) -> Any:
    """`left >> right` or `left << right`; gives what the expression is worth."""
    if isinstance(right, Made) and right.name.endswith(".Label"):
        return left
    link(state, *((left, right) if down else (right, left)))
    return right


def link(state: State, before: Any, after: Any) -> None:
    """An edge from each task on one side to each on the other."""
    for left in members(before):
        for right in members(after):
            _link(state, left, right)


def _link(state: State, left: Task | Group, right: Task | Group) -> None:
    dags = [dag for side in (left, right) for task in _tasks(side) if (dag := task.dag) is not None]
    dag = dags[0] if dags else state.dag
    if dag is None:
        return
    for task in (*_tasks(left), *_tasks(right)):
        if task.dag is None:  # it is put into the DAG of the other by this
            state.facts.loose.remove(task)
            task.dag = dag
            dag.tasks.append(task)
    if (left, right) not in dag.links:
        dag.links.append((left, right))


def _tasks(side: Task | Group) -> list[Task]:
    return [side] if isinstance(side, Task) else side.tasks


def members(value: Any) -> list[Task | Group]:
    """The tasks and groups in a value."""
    return [one for one in inside(value) if isinstance(one, Task | Group)]


def passed(state: State, value: Any, task: Task) -> None:
    """Tasks whose outputs are an argument of another come before it, and give it a value by XCom."""
    for before in members(value):
        if before is not task:
            _link(state, before, task)
            name = before.id if isinstance(before, Task) else before.prefix
            task.uses.add_xcom("argument", name)


def chained(state: State, name: str, args: Sequence[Any]) -> None:
    """`chain`, `chain_linear` and `cross_downstream`."""
    if name == "cross_downstream":
        given = args[:2]
        if len(given) == 2:  # noqa: PLR2004 - from and to
            link(state, *given)
        return
    for left, right in pairwise(args):
        if name == "chain" and isinstance(left, list | tuple) and isinstance(right, list | tuple):
            for one, other in zip(left, right, strict=False):
                link(state, one, other)
        else:
            link(state, left, right)
