"""SubDAGs: DAGs that a SubDagOperator of another runs; they move with that one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from counterpoint_migrate.inventory.inventory_model import Dag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from counterpoint_migrate.inventory.inventory_model import Task

_OPERATOR = "SubDagOperator"


def tie(dags: Sequence[Dag]) -> None:
    """Notes the parent of each SubDAG: by the operator's argument, else by its id, which Airflow prescribes."""
    by_id = {dag.id: dag for dag in dags if dag.literal}
    for dag in dags:
        for task in dag.tasks:
            if is_subdag(task):
                child = _child(dag, task, by_id)
                if child is not None and child is not dag:
                    child.parent = dag.key
    _break_circles(dags)


def is_subdag(task: Task) -> bool:
    """Whether a task runs a SubDAG."""
    return _OPERATOR in {task.operator, str(task.arguments.get("**base", "")).rpartition(".")[2]}


def _child(dag: Dag, task: Task, by_id: Mapping[str, Dag]) -> Dag | None:
    given = task.arguments.get("subdag")
    return given if isinstance(given, Dag) else by_id.get(f"{dag.id}.{task.id}")


def roots(dags: Sequence[Dag]) -> dict[str, str]:
    """The key of the DAG that each DAG moves with: its outermost parent, or itself."""
    parents = {dag.key: dag.parent for dag in dags if dag.parent is not None}
    found: dict[str, str] = {}
    for dag in dags:
        key = dag.key
        while key in parents:
            key = parents[key]
        found[dag.key] = key
    return found


def _break_circles(dags: Sequence[Dag]) -> None:
    """A DAG that is its own parent, over others, too, is none's."""
    parents = {dag.key: dag for dag in dags}
    for dag in dags:
        seen, above = {dag.key}, dag.parent
        while above is not None and above not in seen:
            seen.add(above)
            above = parents[above].parent if above in parents else None
        if above == dag.key:
            dag.parent = None
