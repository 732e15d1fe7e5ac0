"""Operators and DAGs, also those of classes of the folder, whose `__init__` is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory import dags, edges, tasks
from counterpoint_migrate.inventory.functions import bound, followed, scan
from counterpoint_migrate.inventory.inventory_model import Dag, Task
from counterpoint_migrate.inventory.outside import unresolved_call
from counterpoint_migrate.inventory.values import (
    ABSENT,
    Bound,
    Class,
    Func,
    Instance,
    Method,
    Partial,
    Ref,
    Super,
    Unknown,
    sure,
    text_of,
)

if TYPE_CHECKING:
    import ast
    from collections.abc import Sequence

    from counterpoint_migrate.inventory.state import State

# the methods of an operator that Airflow calls when its task runs
_RUN = ("pre_execute", "execute", "poke", "choose_branch", "execute_callable", "execute_complete", "post_execute")


def operator(
    state: State, callee: Ref, keywords: dict[str, Any], node: ast.AST, mapped: dict[str, Any] | None = None
) -> Task:
    """A task of an operator outside the folder."""
    how = tasks.How(tasks.kind_of(callee.name), None, mapped)
    task = tasks.make_task(state, callee.name, keywords, node, how)
    _used(state, task, keywords, mapped, node)
    return task


def _used(state: State, task: Task, keywords: dict[str, Any], mapped: dict[str, Any] | None, node: ast.AST) -> None:
    edges.passed(state, [*keywords.values(), *(mapped or {}).values()], task, node)
    func = keywords.get("python_callable")
    if func is not None:
        task.callable = func.name if isinstance(func, Func) else text_of(func)
        given = keywords.get("op_args")
        by_position = list(given) if isinstance(given, list | tuple) and sure(given) else []
        scan(state, func, by_position, _by_name(keywords.get("op_kwargs"), node), task.uses, node)


def _by_name(named: Any, node: ast.AST) -> dict[str, Any]:
    if isinstance(named, dict):
        return {str(key): value for key, value in named.items()}
    return {} if named is None else {"**": Unknown(node)}


def native(
    state: State,
    made: Class,
    args: Sequence[Any],
    keywords: dict[str, Any],
    node: ast.AST,
    mapped: dict[str, Any] | None = None,
) -> Any:
    """The task or DAG that a class of the folder makes."""
    instance = Instance(made, node, module=state.module, mapped=mapped)
    init = made.find("__init__")
    if isinstance(init, Func):
        keywords = _by_default(state, init, keywords)
        parameters = bound(init, [instance, *args], keywords | dict.fromkeys(mapped or {}, Unknown(node)))
        kwarg = init.arguments.kwarg
        hidden = {kwarg.arg if kwarg else "", next(iter(parameters), "")}
        parameters = {name: value for name, value in parameters.items() if name not in hidden}
        instance.parameters.update({name: value for name, value in parameters.items() if value is not None})
        followed(state, init, [instance, *args], keywords | dict.fromkeys(mapped or {}, Unknown(node)), node)
    if not instance.native:
        _made(state, instance, args, keywords)
    result = instance.native[-1]
    if not _is_dag(made):
        _code(state, instance, result, node)
    return result


def _by_default(state: State, init: Func, keywords: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a class of the folder, with those that default_args give its own parameters."""
    names = {arg.arg for arg in (*init.arguments.args, *init.arguments.kwonlyargs)}
    given = {name: value for name, value in tasks.default_args(state, keywords).items() if name in names}
    return given | keywords


def super_call(
    state: State, value: Super, name: str, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST
) -> Any:
    """A method of the class outside the folder that an object rests on."""
    holder = value.holder
    if not isinstance(holder, Instance):
        return Unknown(node)
    if name != "__init__":
        unresolved_call(state, Bound(value, name, node), args, keywords, node)
        return Unknown(node)
    native_one = _is_dag(holder.made_of) or tasks.is_operator(Ref(holder.made_of.base), keywords)
    if state.user is None and native_one and not holder.native:
        _made(state, holder, args, keywords)
    elif not native_one and holder.made_of.outside():
        state.heap.touch(holder.attributes)
        holder.attributes["**"] = Unknown(node)
    return None


def _is_dag(made: Class) -> bool:
    return made.base.rpartition(".")[2] == "DAG"


def _made(state: State, instance: Instance, args: Sequence[Any], keywords: dict[str, Any]) -> None:
    """Notes the task or DAG that an object is, at the place where the object is made."""
    made, module = instance.made_of, state.module
    state.module = instance.module or module
    try:
        result: Task | Dag
        if _is_dag(made):
            result = dags.make_dag(state, "call", dags.named(args, keywords), instance.node)
        else:
            result = _task(state, instance, keywords)
    finally:
        state.module = module
    instance.native.append(result)
    state.facts.instances[result] = instance


def _task(state: State, instance: Instance, keywords: dict[str, Any]) -> Task:
    made = instance.made_of
    kind = tasks.kind_of(made.base)
    if kind == "operator" and made.find("poke") is not ABSENT:
        kind = "sensor"
    how = tasks.How(kind, None, instance.mapped, base=made.base, parameters=instance.parameters)
    name = f"{made.module}:{made.name}"
    task = tasks.make_task(state, name, keywords, instance.node, how)
    _used(state, task, instance.parameters | keywords, instance.mapped, instance.node)
    return task


def _code(state: State, instance: Instance, task: Task, node: ast.AST) -> None:
    for name in _RUN:
        method = instance.made_of.find(name)
        if isinstance(method, Func):
            context = [Unknown(node)] * max(0, len(method.arguments.args) - 1)
            scan(state, Method(method, instance), context, {}, task.uses, node)


def mapped_operator(state: State, value: Any, given: dict[str, Any], mapped: dict[str, Any], node: ast.AST) -> Any:
    """`Operator.partial(...).expand(...)`."""
    if state.user is not None or isinstance(value, Partial):
        return Unknown(node)
    if isinstance(value, Class):
        return native(state, value, [], given, node, mapped)
    return operator(state, value, given, node, mapped)


def set_attribute(state: State, held: Task | Dag, name: str, value: Any, node: ast.AST) -> None:
    """An attribute of a task or DAG that is set after it was made."""
    if isinstance(held, Task):
        if name in {"dag", "task_group"} and isinstance(value, Dag) and held.dag is None:
            tasks.adopt(state, value, held)
        known_names: Sequence[str] = tasks.SETTINGS
    else:
        known_names = dags.SETTINGS
        if name in {"schedule", "schedule_interval", "timetable"}:
            state.unresolved("schedule", node, f"the schedule of DAG {held.id} is changed to {text_of(value)}")
            held.schedule = {"kind": "unknown", "value": None, "expression": text_of(value), "assets": []}
    if name in {"task_id", "dag_id"}:
        state.unresolved(name, node, f"the id {held.id} is changed to {text_of(value)}")
    if name in known_names:
        state.heap.touch(held.settings)
        held.settings[name] = value
