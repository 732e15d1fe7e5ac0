"""Decorated functions that are called: DAGs, groups and tasks; and tasks that are mapped."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory import dags, edges, natives, tasks
from counterpoint_migrate.inventory.functions import followed, scan
from counterpoint_migrate.inventory.inventory_model import Dag, Group, Task
from counterpoint_migrate.inventory.values import Bound, Func, Method, Partial, Unknown, text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from counterpoint_migrate.inventory.state import State

MAPPING = {"partial", "expand", "expand_kwargs", "override"}


def decorated(state: State, func: Func, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    """What a function that Airflow decorates makes when it is called."""
    kind, given = func.decorator or ("", {})
    if kind == "dag":
        dag = dags.make_dag(state, "decorator", {"dag_id": func.name, **given}, func.node, whole=given)
        dag.entered |= any(isinstance(inner, ast.Call) for part in func.body for inner in ast.walk(part))
        with state.around(dag):
            followed(state, func, args, keywords, node)
        return dag
    if kind == "task_group":
        own = group(state, given.get("group_id", given.get("dag_id", func.name)), given, node, unique=True)
        with state.around(own):
            returned = followed(state, func, args, keywords, node)
        for value in (*args, *keywords.values()):
            if edges.members(value):
                edges.link(state, edges.members(value), own, node)
        return returned if edges.members(returned) else own
    return _task(state, func, args, keywords, node)


def _task(
    state: State,
    func: Func,
    args: Sequence[Any],
    keywords: dict[str, Any],
    node: ast.AST,
    mapped: dict[str, Any] | None = None,
) -> Task:
    """A decorated function that is called is a task; its arguments come by XCom."""
    kind, given = func.decorator or ("task", {})
    settings = {"task_id": func.name, **given}
    how = tasks.How(kind, func.name, mapped, unique=True)
    task = tasks.make_task(state, f"airflow.sdk.{kind}", settings, node, how)
    edges.passed(state, [*args, *keywords.values(), *(mapped or {}).values()], task, node)
    task.code = func
    scan(state, func, args, keywords, task.uses, node)
    return task


def group(state: State, group_id: Any, keywords: dict[str, Any], node: ast.AST, *, unique: bool = False) -> Group:
    """A task group; a function that was called before gets a number, as Airflow does."""
    parent = keywords.get("parent_group")
    around = [*parent.around, parent] if isinstance(parent, Group) else list(state.groups)
    outer = around[-1].prefix if around else ""
    defaults = keywords.get("default_args")
    own = Group("", defaults=defaults if isinstance(defaults, dict) else {}, around=around)
    if keywords.get("prefix_group_id") is False:
        return own
    if not isinstance(group_id, str):
        state.unresolved("task_id", node, f"the id of this group is {text_of(group_id)}")
    name = outer + (group_id if isinstance(group_id, str) else text_of(group_id))
    dag = keywords.get("dag") if isinstance(keywords.get("dag"), Dag) else state.dag
    own.prefix = f"{name}{_number(state, dag, name, node) if unique and isinstance(dag, Dag) else ''}."
    return own


def _number(state: State, dag: Dag, name: str, node: ast.AST) -> str:
    key = f"{name}."
    state.heap.touch(dag.taken)
    number = dag.taken.get(key, 0)
    if isinstance(number, Unknown):
        state.unresolved("task_id", node, f"whether the id {name} of this group gets a number is not known")
        return ""
    dag.taken[key] = number + 1
    return f"__{number}" if number else ""


def mapping(state: State, callee: Bound, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    """`partial`, `expand` and `override` of operators and decorated functions."""
    value = callee.value
    if callee.name == "override" and isinstance(value, Func) and value.decorator is not None:
        return replace(value, decorator=(value.decorator[0], {**value.decorator[1], **keywords}))
    if callee.name in {"partial", "override"}:
        return Partial(value, args, keywords)
    given: dict[str, Any] = {}
    while isinstance(value, Partial):
        given, value = {**value.keywords, **given}, value.callee
    mapped = {"expand_kwargs": args[0]} if callee.name == "expand_kwargs" and args else keywords
    if isinstance(value, Func | Method):
        return _mapped(state, value, given, mapped, node)
    return natives.mapped_operator(state, value, given, mapped, node)


def _mapped(state: State, value: Func | Method, given: dict[str, Any], mapped: dict[str, Any], node: ast.AST) -> Any:
    func = value.func if isinstance(value, Method) else value
    unknown = {name: Unknown(node) for name in mapped}
    if func.decorator is None or state.user is not None:
        return Unknown(node)
    if func.decorator[0] == "task_group":
        found = decorated(state, func, [], {**given, **unknown}, node)
        for side in edges.members(found):
            for task in [side] if isinstance(side, Task) else side.tasks:
                task.mapped = True
        for member in edges.members(list(mapped.values())):
            edges.link(state, member, found, node)
        return found
    return _task(state, func, [], given | unknown, node, mapped)
