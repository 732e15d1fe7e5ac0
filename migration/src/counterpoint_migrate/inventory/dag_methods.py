"""Methods of DAGs, groups and tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory import edges, tasks
from counterpoint_migrate.inventory.classes import of_object
from counterpoint_migrate.inventory.decorators import by_airflow
from counterpoint_migrate.inventory.inventory_model import Dag, Group, Task
from counterpoint_migrate.inventory.values import Bound, Func, Made, Unknown

if TYPE_CHECKING:
    import ast
    from collections.abc import Sequence

    from counterpoint_migrate.inventory.state import State

# they make nothing
_QUIET = {"test", "cli", "run", "clear", "has_task", "validate", "resolve_template_files", "add_inlets", "add_outlets"}
_QUIET |= {"iter_dagrun_infos_between", "partial_subset", "tree_view", "log", "get_template_context"}


def of_task(state: State, callee: Bound, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    """A method of a task or group, or of its output."""
    value, name = callee.value, callee.name
    if name in {"set_upstream", "set_downstream"}:
        others = args[0] if args else keywords.get("task_or_task_list", Unknown(node))
        edges.shifted(state, value, others, node, down=name == "set_downstream")
        return None
    if name == "as_teardown":
        edges.link(state, keywords.get("setups"), value, node)
    if name in {"as_setup", "as_teardown", "map"}:
        return value
    return [value, *args] if name in {"zip", "concat"} else Unknown(node)


def of_group(state: State, callee: Bound, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    """A method of a group."""
    if callee.name in {"set_upstream", "set_downstream"}:
        return of_task(state, callee, args, keywords, node)
    return NotImplemented if callee.name not in _QUIET else Unknown(node)


def of_dag(state: State, callee: Bound, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    """A method of a DAG."""
    dag, name = callee.value, callee.name
    given = [*args, *keywords.values()]
    if name == "set_dependency" and len(given) == 2:  # noqa: PLR2004 - from and to
        edges.link(state, _task_of(dag, given[0], node), _task_of(dag, given[1], node), node)
        return None
    if name == "task":
        decorator = Made("airflow.sdk.task", [], {**keywords, "dag": dag}, node)
        return by_airflow(decorator, args[0]) if args and isinstance(args[0], Func) else decorator
    if name == "get_task" and given:
        return _task_of(dag, given[0], node)
    if name in {"add_task", "add_tasks"}:
        for task in edges.members(given):
            if isinstance(task, Task) and task.dag is None:
                tasks.adopt(state, dag, task)
        return None
    return Unknown(node) if name in _QUIET else NotImplemented


def _task_of(dag: Dag, task_id: Any, node: ast.AST) -> Any:
    return next((task for task in dag.tasks if task.literal and task.id == task_id), Unknown(node))


def attribute(state: State, value: Dag | Task | Group, name: str, node: ast.AST) -> Any:
    """An attribute of a DAG, task or group; `NotImplemented` where it is none that is known."""
    instance = state.facts.instances.get(value)
    if instance is not None:
        found = of_object(state, instance, name, node)
        if not isinstance(found, Bound):
            return found
    if isinstance(value, Dag):
        return _of_dag(value, name, node)
    if isinstance(value, Task):
        return _of_task(value, name, node)
    return value.prefix.rstrip(".") if name == "group_id" and value.prefix else NotImplemented


def _of_dag(dag: Dag, name: str, node: ast.AST) -> Any:
    if name == "dag_id":
        return dag.id if dag.literal else Unknown(node)
    if name == "default_args":
        return dag.defaults
    if name == "tasks":
        return tuple(dag.tasks)
    return dag.settings.get(name, NotImplemented)


def _of_task(task: Task, name: str, node: ast.AST) -> Any:
    if name == "output":
        return task
    if name == "task_id":
        return task.id if task.literal else Unknown(node)
    if name == "dag":
        return task.dag if task.dag is not None else Unknown(node)
    return NotImplemented
