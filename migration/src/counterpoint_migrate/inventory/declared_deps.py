"""Dependencies between DAGs that the code declares: sensors, markers, triggers, assets, XCom of other DAGs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory.inventory_model import Dag, Dependency, Task, Unresolved
from counterpoint_migrate.inventory.values import text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

# by the end of the operator's name: the argument that names the other DAG, what it is, whether that one comes before
_KINDS = (
    ("ExternalTaskSensor", "external_dag_id", "sensor", True),
    ("ExternalTaskSensorAsync", "external_dag_id", "sensor", True),
    ("ExternalTaskMarker", "external_dag_id", "marker", False),
    ("TriggerDagRunOperator", "trigger_dag_id", "trigger", False),
)
# what an operator that is none of these probably means by the same argument
_PROBABLE = (
    ("external_dag_id", "sensor", True),
    ("upstream_dag_id", "sensor", True),
    ("trigger_dag_id", "trigger", False),
    ("target_dag_id", "trigger", False),
    ("downstream_dag_id", "trigger", False),
)

if TYPE_CHECKING:
    Note = Callable[[Unresolved, Dag], None]


def declared(dags: list[Dag], note: Note) -> list[Dependency]:
    """Each dependency that a task or schedule declares; `note` is told of what it names outside the folder."""
    ids = {dag.id for dag in dags}
    found: dict[Dependency, Dag] = {}
    for dag in dags:
        for task in dag.tasks:
            for dependency in (*_of_task(dag, task, ids, note), *_of_code(dag, task, ids)):
                found.setdefault(dependency, dag)
    for dependency, dag in _of_assets(dags, note):
        found.setdefault(dependency, dag)
    for dependency, dag in found.items():
        if dependency.outside:
            side = dependency.downstream if dependency.kind in {"marker", "trigger"} else dependency.upstream
            detail = f"DAG {side} is not in this folder ({dependency.kind})"
            note(Unresolved(dependency.place, "outside", detail), dag)
    return list(found)


def _of_task(dag: Dag, task: Task, ids: set[str], note: Note) -> Iterator[Dependency]:
    for argument, kind, before, confidence in _roles(task):
        for other in _others(task, argument):
            if not isinstance(other, str) or "{{" in other or "{%" in other:
                detail = f"the {argument} of task {task.id} is {text_of(other)}"
                note(Unresolved(task.place, "external_id", detail), dag)
                continue
            ends = (other, dag.key) if before else (dag.key, other)
            seconds, offset = _offset(task) if before else (None, None)
            detail = f"task {task.id}" if confidence == "certain" else f"task {task.id}: {argument} of {task.operator}"
            yield Dependency(*ends, kind, confidence, task.place, detail, other not in ids, seconds, offset)


def _roles(task: Task) -> list[tuple[str, str, bool, str]]:
    """What the operator of a task says of other DAGs: argument, kind, whether they come before, how sure that is."""
    names = {task.operator, str(task.arguments.get("**base", "")).rpartition(".")[2]}
    sure = [(argument, kind, before, "certain") for operator, argument, kind, before in _KINDS if operator in names]
    if sure:
        return sure
    return [(argument, kind, before, "high") for argument, kind, before in _PROBABLE if argument in task.arguments]


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


def _offset(task: Task) -> tuple[float | None, str | None]:
    """Which run a sensor waits for, where that is not the one of its own logical date."""
    delta, function = (task.arguments.get(name) for name in ("execution_delta", "execution_date_fn"))
    if function is not None:
        return None, f"execution_date_fn={text_of(function)}"
    if isinstance(delta, timedelta):
        seconds = delta.total_seconds()
        return (seconds, f"execution_delta={duration(seconds)}") if seconds else (None, None)
    return (None, f"execution_delta={text_of(delta)}") if delta is not None else (None, None)


def duration(seconds: float) -> str:
    """A duration in the largest unit that divides it."""
    for unit, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds % unit == 0:
            return f"{seconds / unit:g} {name}"
    return f"{seconds:g} s"


def _of_code(dag: Dag, task: Task, ids: set[str]) -> Iterator[Dependency]:
    """What the code and the templates of a task start, or take from other DAGs."""
    for other, place in task.uses.triggers.items():
        detail = f"task {task.id} starts it in its code"
        yield Dependency(dag.key, other, "trigger", "certain", place, detail, other not in ids)
    for other, place in task.uses.pulls.items():
        if other != dag.id:
            detail = f"task {task.id} pulls its XCom"
            yield Dependency(other, dag.key, "xcom", "certain", place, detail, other not in ids)


def _of_assets(dags: list[Dag], note: Note) -> Iterator[tuple[Dependency, Dag]]:
    producers: dict[str, list[tuple[Dag, Task]]] = {}
    for dag in dags:
        for task in dag.tasks:
            for asset in task.outlets:
                producers.setdefault(asset, []).append((dag, task))
    for consumer in dags:
        for asset in consumer.schedule["assets"]:
            before = producers.get(asset, [])
            for dag, task in before:
                yield Dependency(dag.key, consumer.key, "asset", "certain", task.place, asset), consumer
            if not before:
                detail = f"asset {asset}, which {consumer.id} waits for, is made by no task in this folder"
                note(Unresolved(consumer.place, "outside", detail), consumer)


def reach(dependencies: list[Dependency]) -> Mapping[str, set[str]]:
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
