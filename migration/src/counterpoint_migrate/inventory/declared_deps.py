"""Dependencies between DAGs that the code declares: sensors, markers, triggers, assets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory.inventory_model import Dag, Dependency, Task, Unresolved
from counterpoint_migrate.inventory.values import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

# by the end of the operator's name: the argument that names the other DAG, what it is, whether that one comes before
_KINDS = (
    ("ExternalTaskSensor", "external_dag_id", "sensor", True),
    ("ExternalTaskSensorAsync", "external_dag_id", "sensor", True),
    ("ExternalTaskMarker", "external_dag_id", "marker", False),
    ("TriggerDagRunOperator", "trigger_dag_id", "trigger", False),
)


def declared(dags: list[Dag], unresolved: set[Unresolved]) -> list[Dependency]:
    """Each dependency that a task or schedule declares; what it names outside the folder is unresolved, too."""
    ids = {dag.id for dag in dags}
    found: dict[Dependency, None] = {}
    for dag in dags:
        for task in dag.tasks:
            found |= dict.fromkeys(_of_task(dag, task, ids, unresolved))
    found |= dict.fromkeys(_of_assets(dags, unresolved))
    for one in found:
        if one.outside:
            side = one.downstream if one.kind in {"marker", "trigger"} else one.upstream
            unresolved.add(Unresolved(one.place, "outside", f"DAG {side} is not in this folder ({one.kind})"))
    return list(found)


def _of_task(dag: Dag, task: Task, ids: set[str], unresolved: set[Unresolved]) -> Iterator[Dependency]:
    names = {task.operator, str(task.arguments.get("**base", "")).rpartition(".")[2]}
    for operator, argument, kind, before in _KINDS:
        if operator not in names:
            continue
        others = list(_others(task, argument))
        for other in others:
            if not isinstance(other, str) or "{{" in other or "{%" in other:
                detail = f"the {argument} of task {task.id} is {text_of(other)}"
                unresolved.add(Unresolved(task.place, "external_id", detail))
                continue
            ends = (other, dag.id) if before else (dag.id, other)
            yield Dependency(*ends, kind, "certain", task.place, f"task {task.id}", other not in ids)


def _others(task: Task, argument: str) -> Iterator[Any]:
    """The ids that an argument gives, several where the task is mapped over them."""
    spread = task.arguments.get("expand_kwargs")
    if argument in task.arguments:
        value = task.arguments[argument]
        yield from value if task.mapped and isinstance(value, list | tuple) else [value]
    elif isinstance(spread, list | tuple):
        for given in spread:
            yield given.get(argument) if isinstance(given, dict) else given
    else:
        yield task.arguments.get("**", spread)


def _of_assets(dags: list[Dag], unresolved: set[Unresolved]) -> Iterator[Dependency]:
    producers = [(asset, dag, task) for dag in dags for task in dag.tasks for asset in task.outlets]
    for consumer in dags:
        for asset in consumer.schedule["assets"]:
            before = [(dag, task) for made, dag, task in producers if made == asset]
            for dag, task in before:
                yield Dependency(dag.id, consumer.id, "asset", "certain", task.place, asset)
            if not before:
                detail = f"asset {asset}, which {consumer.id} waits for, is made by no task in this folder"
                unresolved.add(Unresolved(consumer.place, "outside", detail))


def reach(dependencies: list[Dependency]) -> dict[str, set[str]]:
    """All DAGs that come after each, directly or not."""
    after: dict[str, set[str]] = {}
    for one in dependencies:
        after.setdefault(one.upstream, set()).add(one.downstream)
    return {dag: set(_following(dag, after)) for dag in after}


def _following(dag: str, after: dict[str, set[str]]) -> Iterator[str]:
    seen, stack = set(), [dag]
    while stack:
        for one in after.get(stack.pop(), ()):
            if one not in seen:
                seen.add(one)
                stack.append(one)
                yield one
