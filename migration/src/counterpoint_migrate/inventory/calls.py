"""Calls: functions of the folder are followed, those of Airflow become DAGs, tasks and edges; nothing is called."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory import constant_folding, cosmos, dags, edges, tasks, uses
from counterpoint_migrate.inventory.inventory_model import Dag, Group, Task, Uses
from counterpoint_migrate.inventory.values import Bound, Class, Func, Made, Partial, Ref, Unknown, known, text_of

if TYPE_CHECKING:
    import ast
    from collections.abc import Callable, Sequence

    from counterpoint_migrate.inventory.state import State

_DEEPEST = 12
_HARMLESS = sys.stdlib_module_names | {"airflow", "dateutil", "pendulum", "pytz"}
_FACTORY = ("create_dag", "make_dag", "build_dag", "generate_dag", "get_dag", "load_yaml_dags")


def called(state: State, callee: Any, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    """What a call gives; what it uses, makes and links is noted."""
    uses.note(state, callee, args, keywords, node)
    if isinstance(callee, Partial):
        return called(state, callee.callee, [*callee.args, *args], {**callee.keywords, **keywords}, node)
    kind = _CALLED.get(type(callee))
    return _unknown(state, callee, keywords, node) if kind is None else kind(state, callee, args, keywords, node)


def _unknown(state: State, callee: Any, keywords: dict[str, Any], node: ast.AST) -> Any:
    """A call of what is not known: by its arguments it may be an operator or a DAG."""
    if state.user is not None or not {"task_id", "dag_id"} & keywords.keys():
        return Unknown(node)
    if "task_id" in keywords:
        state.unresolved("operator", node, f"the operator of this task is {text_of(callee)}")
        return _operator(state, Ref(text_of(callee)), keywords, node)
    state.unresolved("dag_factory", node, f"{text_of(callee)} may make a DAG")
    return Unknown(node)


def _function(state: State, func: Func, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    if func.decorator is None or func.decorator[0].startswith("asset") or state.user is not None:
        return followed(state, func, args, keywords)
    return _decorated(state, func, args, keywords, node)


def followed(state: State, func: Func, args: Sequence[Any], keywords: dict[str, Any]) -> Any:
    """What a function of the folder returns, read with these arguments."""
    state.facts.followed.add(func.node)
    if func.node in state.calls or len(state.calls) >= _DEEPEST:
        return Unknown(func.node)
    scope = func.scope.new_child()
    scope.update(_bound(func, args, keywords))
    with state.within(func.module, scope, func.node):
        state.execute(state, func.body)
        return state.returned[-1]


def _bound(func: Func, args: Sequence[Any], keywords: dict[str, Any]) -> dict[str, Any]:
    given = func.arguments
    plain = [*given.posonlyargs, *given.args]
    found: dict[str, Any] = {arg.arg: Unknown(arg) for arg in (*plain, *given.kwonlyargs)}
    found |= func.defaults | dict(zip((arg.arg for arg in plain), args, strict=False))
    extra = {name: value for name, value in keywords.items() if name not in found}
    found |= {name: value for name, value in keywords.items() if name in found}
    if given.vararg:
        found[given.vararg.arg] = tuple(args[len(plain) :])
    if given.kwarg:
        found[given.kwarg.arg] = extra
    return found


def _decorated(state: State, func: Func, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    kind, given = func.decorator or ("", {})
    if kind == "dag":
        dag = dags.make_dag(state, "decorator", {"dag_id": func.name, **given}, func.node, whole=given)
        with state.around(dag):
            followed(state, func, args, keywords)
        return dag
    if kind == "task_group":
        group = _group(state, given.get("group_id", given.get("dag_id", func.name)), given, unique=True)
        with state.around(group):
            returned = followed(state, func, args, keywords)
        for value in (*args, *keywords.values()):
            edges.link(state, value, group)
        return returned if edges.members(returned) else group
    return _taskflow(state, func, args, keywords, node)


def _taskflow(
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
    task = tasks.make_task(
        state, f"airflow.sdk.{kind}", settings, node, tasks.How(kind, func.name, mapped, unique=True)
    )
    edges.passed(state, [*args, *keywords.values(), *(mapped or {}).values()], task)
    task.code = func
    scan(state, func, args, keywords, task.uses)
    return task


def scan(state: State, func: Any, args: Sequence[Any], keywords: dict[str, Any], found: Uses) -> None:
    """Notes what the code of a task uses."""
    while isinstance(func, Partial):
        args, keywords, func = [*func.args, *args], {**func.keywords, **keywords}, func.callee
    if isinstance(func, Func):
        with state.using(found):
            followed(state, func, args, keywords)


def _group(state: State, group_id: Any, keywords: dict[str, Any], *, unique: bool = False) -> Group:
    """A task group; a function that was called before gets a number, as Airflow does."""
    outer = state.groups[-1].prefix if state.groups else ""
    defaults = tasks.group_defaults(state, keywords)
    if keywords.get("prefix_group_id") is False:
        return Group(outer, defaults=defaults)
    name = outer + (group_id if isinstance(group_id, str) else text_of(group_id))
    taken = [task.id for task in state.dag.tasks] if unique and state.dag is not None else []
    prefix, number = f"{name}.", 0
    while any(task_id.startswith(prefix) for task_id in taken):
        number += 1
        prefix = f"{name}__{number}."
    return Group(prefix, defaults=defaults)


def _method(state: State, callee: Bound, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    value, name = callee.value, callee.name
    if name in {"partial", "expand", "expand_kwargs", "override"} and isinstance(value, Ref | Class | Func | Partial):
        return _mapping(state, callee, args, keywords, node)
    if isinstance(value, Task | Group):
        return _of_task(state, callee, args, keywords, node)
    if isinstance(value, Dag):
        _of_dag(state, value, name, [*args, *keywords.values()])
    if isinstance(value, str):
        return constant_folding.text_method(callee, args, keywords, node)
    if isinstance(value, list):
        _of_list(value, name, args)
    return _of_dict(value, name, args, keywords, node) if isinstance(value, dict) else Unknown(node)


def _of_task(state: State, callee: Bound, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    value, name = callee.value, callee.name
    if name in {"set_upstream", "set_downstream"} and args:
        edges.shifted(state, value, args[0], down=name == "set_downstream")
    if name == "as_teardown":
        edges.link(state, keywords.get("setups"), value)
    return value if name in {"as_setup", "as_teardown"} else Unknown(node)


def _mapping(state: State, callee: Bound, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
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
    if isinstance(value, Func):
        return _decorated_mapping(state, value, given, mapped, node)
    return _operator(state, value, given, node, mapped) if state.user is None else Unknown(node)


def _decorated_mapping(state: State, func: Func, given: dict[str, Any], mapped: dict[str, Any], node: ast.AST) -> Any:
    unknown = {name: Unknown(node) for name in mapped}
    if func.decorator is None or state.user is not None:
        return Unknown(node)
    if func.decorator[0] == "task_group":
        found = _decorated(state, func, [], {**given, **unknown}, node)
        for side in edges.members(found):
            for task in [side] if isinstance(side, Task) else side.tasks:
                task.mapped = True
        for value in mapped.values():
            edges.link(state, value, found)
        return found
    return _taskflow(state, func, [], given | unknown, node, mapped)


def _of_dag(state: State, dag: Dag, name: str, given: Sequence[Any]) -> None:
    if name == "set_dependency" and len(given) == 2:  # noqa: PLR2004 - from and to
        ends = [next((task for task in dag.tasks if task.id == end), None) for end in given]
        edges.link(state, *ends)
    if name in {"add_task", "add_tasks"}:
        for task in edges.members(given):
            if isinstance(task, Task) and task.dag is None:
                tasks.adopt(state, dag, task)


def _of_list(value: list[Any], name: str, args: Sequence[Any]) -> None:
    if name == "append" and len(args) == 1 and len(value) < constant_folding.MOST:
        value.append(args[0])
    elif name == "extend" and args and _fits(value, args[0]):
        value.extend(args[0])


def _fits(value: list[Any], more: Any) -> bool:
    return isinstance(more, list | tuple) and len(value) + len(more) < constant_folding.MOST


def _of_dict(value: dict[Any, Any], name: str, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    if name == "update":
        value |= {**(args[0] if args and isinstance(args[0], dict) else {}), **keywords}
    if name in {"items", "keys", "values", "copy"} and not args:
        return {
            "items": [list(pair) for pair in value.items()],
            "keys": list(value),
            "values": list(value.values()),
        }.get(name, dict(value))
    if name == "get" and args and known(args[0]) and "**" not in value:
        return value.get(args[0], args[1] if len(args) > 1 else None)
    return Unknown(node)


def _instance(state: State, made: Class, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    """A class of the folder that rests on one of Airflow is one of them."""
    base = Ref(made.base)
    if base.tail == "DAG":
        return dags.make_dag(state, "call", dags.named(args, keywords), node)
    if state.user is None and tasks.is_operator(base, keywords):
        return _operator(state, made, keywords, node)
    return Made(f"{made.module}:{made.name}", args, keywords, node)


def _operator(
    state: State, callee: Ref | Class, keywords: dict[str, Any], node: ast.AST, mapped: dict[str, Any] | None = None
) -> Task:
    own = isinstance(callee, Class)
    name = f"{callee.module}:{callee.name}" if isinstance(callee, Class) else callee.name
    base = callee.base if isinstance(callee, Class) else callee.name
    made_as = tasks.How(tasks.kind_of(base), None, mapped, base=base if own else None)
    task = tasks.make_task(state, name, keywords, node, made_as)
    edges.passed(state, [*keywords.values(), *(mapped or {}).values()], task)
    func = keywords.get("python_callable")
    if func is not None:
        task.callable = func.name if isinstance(func, Func) else text_of(func)
        named, given = keywords.get("op_kwargs"), keywords.get("op_args")
        by_name = {str(key): value for key, value in named.items()} if isinstance(named, dict) else {}
        scan(state, func, list(given) if isinstance(given, list | tuple) else [], by_name, task.uses)
    return task


def _outside(state: State, callee: Ref, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    found = constant_folding.made(callee.name, args, keywords, node)
    if found is not None:
        return found
    if callee.name == "functools.partial" and args:
        return Partial(args[0], args[1:], keywords)
    made = _of_airflow(state, callee, args, keywords, node) if state.user is None else None
    if made is not None:
        return made
    _factory(state, callee, args, node)
    return Made(callee.name, args, keywords, node)


def _of_airflow(state: State, callee: Ref, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    tail = callee.tail
    if tail in cosmos.NAMES:
        return _cosmos(state, tail, args, keywords, node)
    if tail == "DAG" or (tail.endswith(("DAG", "Dag")) and "dag_id" in keywords):
        return _dag(state, tail, args, keywords, node)
    if tail == "TaskGroup":
        return _group(state, keywords.get("group_id", args[0] if args else Unknown(node)), keywords)
    if tail in {"chain", "chain_linear", "cross_downstream"} and callee.name.startswith("airflow"):
        edges.chained(state, tail, args)
    return _operator(state, callee, keywords, node) if tasks.is_operator(callee, keywords) else None


def _cosmos(state: State, tail: str, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> Dag | Group:
    """A DAG or a task group that Cosmos fills with the tasks of a dbt project."""
    if tail == "DbtTaskGroup":
        group = _group(state, keywords.get("group_id", "dbt_task_group"), keywords)
        with state.around(group):
            cosmos.expand(state, args, keywords, node)
        return group
    dag = dags.make_dag(state, "call", keywords, node)
    with state.around(dag):
        cosmos.expand(state, args, keywords, node)
    return dag


def _dag(state: State, tail: str, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> Dag:
    if tail != "DAG":
        state.unresolved("dag_factory", node, f"{tail} makes its tasks when it is run")
    return dags.make_dag(state, "call", dags.named(args, keywords), node)


def _foreign(name: str) -> bool:
    return "." in name and name.partition(".")[0] not in _HARMLESS


def _factory(state: State, callee: Ref, args: Sequence[Any], node: ast.AST) -> None:
    """What makes DAGs out of sight: it is given the names of the file, or is called as if it did."""
    gives_names = any(isinstance(arg, Made) and arg.name == "builtins.globals" for arg in args)
    if gives_names or callee.tail.startswith(_FACTORY) or callee.name.startswith("dagfactory."):
        state.unresolved("dag_factory", node, f"{callee.name} lies outside the folder and may make DAGs")
    elif state.dag is not None and state.user is None and callee.tail[:1].islower() and _foreign(callee.name):
        detail = f"{callee.name} lies outside the folder and may make tasks of DAG {state.dag.id}"
        state.unresolved("out_of_sight", node, detail)
    if callee.tail in {"exec", "eval", "import_module", "__import__"} and state.user is None:
        state.unresolved("generated_code", node, f"{text_of(Unknown(node))} brings in code when it is run")


_CALLED: dict[type, Callable[[State, Any, Sequence[Any], dict[str, Any], ast.AST], Any]] = {
    Bound: _method,
    Func: _function,
    Class: _instance,
    Ref: _outside,
}
