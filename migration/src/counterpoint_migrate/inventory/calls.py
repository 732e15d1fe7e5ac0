"""Calls: functions of the folder are followed, those of Airflow become DAGs, tasks and edges; nothing is called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory import constant_folding, cosmos, dags, edges, natives, taskflow, tasks, uses
from counterpoint_migrate.inventory.builtin_calls import computed
from counterpoint_migrate.inventory.classes import initialized, native_base
from counterpoint_migrate.inventory.container_methods import of_container
from counterpoint_migrate.inventory.dag_methods import of_dag, of_group, of_task
from counterpoint_migrate.inventory.decorators import by_airflow, decorated
from counterpoint_migrate.inventory.flow import GOES_ON, Flow, branch
from counterpoint_migrate.inventory.functions import followed
from counterpoint_migrate.inventory.inventory_model import Dag, Group, Task
from counterpoint_migrate.inventory.outside import unresolved_call
from counterpoint_migrate.inventory.values import (
    ABSENT,
    Bound,
    Class,
    Func,
    Instance,
    Made,
    Method,
    Partial,
    Ref,
    Super,
    Unknown,
    join,
    text_of,
)

if TYPE_CHECKING:
    import ast
    from collections.abc import Callable, Sequence

    from counterpoint_migrate.inventory.state import State


def called(state: State, callee: Any, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    """What a call gives; what it uses, makes and links is noted."""
    uses.note(state, callee, args, keywords, node)
    if isinstance(callee, Partial):
        return called(state, callee.callee, [*callee.args, *args], {**callee.keywords, **keywords}, node)
    kind = _CALLED.get(type(callee), _unknown)
    return kind(state, callee, args, keywords, node)


def _unknown(state: State, callee: Any, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    """A call of what is not known: by its arguments it may be an operator or a DAG."""
    if isinstance(callee, Unknown) and any(isinstance(option, _FOLLOWED) for option in callee.options):
        return _either(state, callee, args, keywords, node)
    if state.user is not None or not {"task_id", "dag_id"} & keywords.keys():
        unresolved_call(state, callee, args, keywords, node)
        return Unknown(node)
    if "task_id" in keywords:
        state.unresolved("operator", node, f"the operator of this task is {text_of(callee)}")
        return natives.operator(state, Ref(text_of(callee)), keywords, node)
    state.unresolved("dag_factory", node, f"{text_of(callee)} may make a DAG")
    return Unknown(node)


def _either(state: State, callee: Unknown, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    """A call of one of several functions: all are followed, each under its condition."""
    results: list[Any] = []

    def way(option: Any) -> Callable[[], Flow]:
        def run() -> Flow:
            results.append(called(state, option, args, keywords, node))
            return GOES_ON

        return run

    options = [option for option in callee.options if option is not None and option is not ABSENT]
    name = text_of(Unknown(callee.node))
    branch(state, node, [(f"{name} is {text_of(option)}", way(option)) for option in options])
    return join(results, node)


def _function(state: State, func: Func, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    if func.decorator is None or func.decorator[0].startswith("asset") or state.user is not None:
        found = followed(state, func, args, keywords, node)
        if "contextmanager" in func.marks and isinstance(found, list):
            return found[0] if len(found) == 1 else Unknown(node)
        return found
    return taskflow.decorated(state, func, args, keywords, node)


def _method(state: State, method: Method, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return _function(state, method.func, [method.holder, *args], keywords, node)


def _attribute(state: State, callee: Bound, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    value, name = callee.value, callee.name
    if name in taskflow.MAPPING and isinstance(value, Ref | Class | Func | Partial | Method):
        return taskflow.mapping(state, callee, args, keywords, node)
    if isinstance(value, Super):
        return natives.super_call(state, value, name, args, keywords, node)
    if isinstance(value, str):
        return constant_folding.text_method(callee, args, keywords, node)
    if isinstance(value, list | dict):
        return of_container(state, callee, args, keywords, node)
    method = next((method for kind, method in _NATIVE if isinstance(value, kind)), None)
    found = NotImplemented if method is None else method(state, callee, args, keywords, node)
    return found if found is not NotImplemented else _unknown(state, callee, args, keywords, node)


_NATIVE: tuple[tuple[type, Callable[..., Any]], ...] = ((Task, of_task), (Group, of_group), (Dag, of_dag))


def _instance(state: State, made: Class, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    """A class of the folder that rests on one of Airflow is one of them."""
    if state.user is None and (native_base(made) or tasks.is_operator(Ref(made.base), keywords)):
        return natives.native(state, made, args, keywords, node)
    return initialized(state, Instance(made, node, module=state.module), args, keywords, node)


def _object(state: State, value: Instance, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    """An object that is called."""
    call = value.made_of.find("__call__")
    if isinstance(call, Func):
        return followed(state, call, [value, *args], keywords, node)
    return _unknown(state, value, args, keywords, node)


def _made(state: State, value: Made, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    """What a call gave is called: a decorator with arguments, or something outside of the folder."""
    if len(args) == 1 and not keywords and isinstance(args[0], Func) and by_airflow(value, args[0]) is not None:
        return decorated(state, value, args[0], node)
    return _unknown(state, value, args, keywords, node)


def _outside(state: State, callee: Ref, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    found = constant_folding.made(callee.name, args, keywords, node)
    if found is not None:
        return found
    result = computed(state, callee.name, args, keywords, node)
    if result is not None or callee.name in _NOTHING:
        return result
    if callee.name == "functools.partial" and args:
        return Partial(args[0], args[1:], keywords)
    if args and isinstance(args[0], Func) and (by := by_airflow(callee, args[0])) is not None:
        return by
    made = _of_airflow(state, callee, args, keywords, node) if state.user is None else None
    if made is not None:
        return made
    unresolved_call(state, callee, args, keywords, node)
    return Made(callee.name, args, keywords, node)


# calls that are done with when they are read, and give None
_NOTHING = {"builtins.setattr"}


def _of_airflow(state: State, callee: Ref, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    tail = callee.tail
    if tail in cosmos.NAMES:
        return _cosmos(state, callee, args, keywords, node)
    if tail == "DAG" or (tail.endswith(("DAG", "Dag")) and "dag_id" in keywords):
        return _dag(state, tail, args, keywords, node)
    if tail == "TaskGroup":
        return taskflow.group(state, keywords.get("group_id", args[0] if args else Unknown(node)), keywords, node)
    if tail.endswith("TaskGroup"):
        return _hidden_group(state, callee, args, keywords, node)
    if tail in {"chain", "chain_linear", "cross_downstream"} and callee.name.startswith("airflow"):
        edges.chained(state, tail, args, node)
    return natives.operator(state, callee, keywords, node) if tasks.is_operator(callee, keywords) else None


def _hidden_group(state: State, callee: Ref, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> Group:
    """A group whose tasks are made by something outside the folder."""
    group = taskflow.group(state, keywords.get("group_id", args[0] if args else Unknown(node)), keywords, node)
    group.hidden = True
    uses.of_maker(state, keywords, node)
    dag = state.dag if state.dag is not None else keywords.get("dag")
    of_dag = f" of DAG {dag.id}" if isinstance(dag, Dag) else ""
    detail = f"{callee.name} makes the tasks of the group {group.prefix.rstrip('.')}{of_dag}: how many is not known"
    state.unresolved("out_of_sight", node, detail)
    return group


def _cosmos(state: State, callee: Ref, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> Dag | Group:
    """A DAG or a task group that Cosmos fills with the tasks of a dbt project."""
    if callee.tail == "DbtTaskGroup":
        if not cosmos.names_project(args, keywords):
            return _hidden_group(state, callee, args, keywords, node)
        name = args[0] if args and not isinstance(args[0], Made) else "dbt_task_group"
        around: Dag | Group = taskflow.group(state, keywords.get("group_id", name), keywords, node)
    else:
        around = dags.make_dag(state, "call", keywords, node)
    with state.around(around):
        uses.of_maker(state, keywords, node)
        cosmos.expand(state, args, keywords, node)
    return around


def _dag(state: State, tail: str, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> Dag:
    dag = dags.make_dag(state, "call", dags.named(args, keywords), node)
    if tail != "DAG":
        state.unresolved("dag_factory", node, f"{tail} makes its tasks when it is run")
        uses.of_maker(state, keywords, node)
    return dag


_CALLED: dict[type, Callable[[State, Any, Sequence[Any], dict[str, Any], ast.AST], Any]] = {
    Bound: _attribute,
    Func: _function,
    Method: _method,
    Class: _instance,
    Instance: _object,
    Made: _made,
    Ref: _outside,
}
_FOLLOWED = (Func, Method, Class, Ref, Partial, Instance)
