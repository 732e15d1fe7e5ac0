"""Goes through statements in their order, without running them: both sides of what is not known."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory import calls, constant_folding
from counterpoint_migrate.inventory.dags import asset_dag
from counterpoint_migrate.inventory.expressions import bind, defaults, evaluate, truth
from counterpoint_migrate.inventory.inventory_model import Dag
from counterpoint_migrate.inventory.values import Bound, Class, Func, Made, Ref, Unknown, source

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from counterpoint_migrate.inventory.state import Module, State

_DECORATORS = {"dag", "task", "task_group", "asset", "setup", "teardown"}


def execute(state: State, body: Sequence[ast.stmt]) -> bool:
    """Goes through statements; whether they certainly end the function or loop around them."""
    for node in body:
        state.step()
        if _KINDS.get(type(node), _other)(state, node):
            return True
    return False


def _other(state: State, node: ast.stmt) -> bool:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            evaluate(state, child)
    return False


def _assign(state: State, node: ast.Assign) -> bool:
    value = evaluate(state, node.value)
    for target in node.targets:
        bind(state, target, value)
    return False


def _annotated(state: State, node: ast.AnnAssign) -> bool:
    if node.value is not None:
        bind(state, node.target, evaluate(state, node.value))
    return False


def _augmented(state: State, node: ast.AugAssign) -> bool:
    whole = ast.BinOp(left=node.target, op=node.op, right=node.value, lineno=node.lineno, col_offset=0)
    bind(state, node.target, evaluate(state, whole))
    return False


def _import(state: State, node: ast.Import) -> bool:
    for alias in node.names:
        name = alias.name if alias.asname else alias.name.partition(".")[0]
        state.scope[alias.asname or name] = state.load(name, state.module.path) or Ref(name)
    return False


def _import_from(state: State, node: ast.ImportFrom) -> bool:
    origin = "." * node.level + (node.module or "")
    module = state.load(origin, state.module.path)
    for alias in node.names:
        if alias.name == "*":
            if module is None:
                state.module.stars.append(origin)
            else:
                state.scope.update(module.scope)
            continue
        state.scope[alias.asname or alias.name] = _imported(state, origin, alias.name, module)
    return False


def _imported(state: State, origin: str, name: str, module: Module | None) -> Any:
    if module is not None and name in module.scope:
        return module.scope[name]
    inner = state.load(f"{origin}{'' if origin.endswith('.') else '.'}{name}", state.module.path)
    return inner or Ref(f"{origin.lstrip('.')}.{name}".lstrip("."))


def _function(state: State, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    given = defaults(state, node.args)
    found = Func(node.name, node.args, given, node.body, state.scope, state.module, node)
    for decorator in reversed(node.decorator_list):
        value = evaluate(state, decorator)
        kind = _decorator(value)
        if kind is not None and found.decorator is None:
            found = replace(found, decorator=(kind, value.keywords if isinstance(value, Made) else {}))
            if isinstance(value, Made) and value.args and kind in {"dag", "task_group"}:
                found = replace(found, decorator=(kind, {"dag_id": value.args[0], **value.keywords}))
    state.scope[node.name] = found
    if found.decorator is not None and found.decorator[0] in {"asset", "asset.multi"}:
        asset_dag(state, found)
    return False


def _decorator(value: Any) -> str | None:
    """What Airflow makes of a function with this decorator: `task`, `task.branch`, `dag` and so on."""
    if isinstance(value, Bound) and isinstance(value.value, Dag) and value.name == "task":
        return "task"
    name = value.name if isinstance(value, Ref | Made) else ""
    parts = name.split(".")
    if parts[0] != "airflow":
        return None
    if len(parts) > 1 and (parts[-2] == "task" or parts[-2:] == ["asset", "multi"]):
        return ".".join(parts[-2:])
    return parts[-1] if parts[-1] in _DECORATORS else None


def _class(state: State, node: ast.ClassDef) -> bool:
    bases = [evaluate(state, base) for base in node.bases]
    names = [base.name if isinstance(base, Ref) else base.base for base in bases if isinstance(base, Ref | Class)]
    base = names[0] if names else ""
    if base.endswith("AirflowPlugin"):
        state.facts.plugins.append({"name": node.name, "place": state.place(node)})
    outer = state.scope
    state.scope = outer.new_child()
    try:
        execute(state, [part for part in node.body if isinstance(part, ast.Assign | ast.AnnAssign)])
        own = dict(state.scope.maps[0])
    finally:
        state.scope = outer
    state.scope[node.name] = Class(node.name, base, state.module.path, own)
    return False


def _with(state: State, node: ast.With | ast.AsyncWith) -> bool:
    return _within(state, list(node.items), node.body)


def _within(state: State, items: list[ast.withitem], body: Sequence[ast.stmt]) -> bool:
    if not items:
        return execute(state, body)
    first, *rest = items
    value = evaluate(state, first.context_expr)
    if first.optional_vars is not None:
        bind(state, first.optional_vars, value)
    with state.around(value):
        return _within(state, rest, body)


def _for(state: State, node: ast.For | ast.AsyncFor) -> bool:
    each = constant_folding.items(evaluate(state, node.iter))
    if each is not None:
        for value in each:
            bind(state, node.target, value)
            if execute(state, node.body):
                break
    else:
        bind(state, node.target, Unknown(node.target))
        _repeated(state, source(node.iter), node.body)
    return execute(state, node.orelse)


def _while(state: State, node: ast.While) -> bool:
    evaluate(state, node.test)
    _repeated(state, source(node.test), node.body)
    return execute(state, node.orelse)


def _repeated(state: State, text: str, body: Sequence[ast.stmt]) -> None:
    state.loops.append(text)
    try:
        execute(state, body)
    finally:
        state.loops.pop()


def _if(state: State, node: ast.If) -> bool:
    test = source(node.test) if isinstance(node.test, ast.Compare) else ""
    if test.startswith("__name__ == "):
        return execute(state, node.orelse)
    holds = truth(state, node.test)
    if holds is not None:
        return execute(state, node.body if holds else node.orelse)
    text = source(node.test)
    ended = _perhaps(state, text, node.body)
    otherwise = _perhaps(state, f"not ({text})", node.orelse)
    return ended and otherwise


def _perhaps(state: State, text: str, body: Sequence[ast.stmt]) -> bool:
    """A side that may not be taken: a name that it binds again is not known afterwards."""
    before = dict(state.scope.maps[0])
    state.conditions.append(text)
    try:
        ended = execute(state, body)
    finally:
        state.conditions.pop()
    for name, value in before.items():
        now = state.scope.maps[0].get(name)
        if now is not value and not (isinstance(now, str | int) and now == value):
            state.scope[name] = value if ended else Unknown(ast.Name(id=name))
    return ended


def _try(state: State, node: ast.Try) -> bool:
    ended = execute(state, node.body)
    for handler in node.handlers:
        before = dict(state.scope.maps[0])
        execute(state, handler.body)
        state.scope.maps[0].update(before)  # what went well counts
    return execute(state, [*node.orelse, *node.finalbody]) or ended


def _return(state: State, node: ast.Return) -> bool:
    value = evaluate(state, node.value) if node.value is not None else None
    if state.returned and state.returned[-1] is None:
        state.returned[-1] = value
    return True


def _end(state: State, node: ast.stmt) -> bool:
    _other(state, node)
    return isinstance(node, ast.Raise)


def _match(state: State, node: ast.Match) -> bool:
    evaluate(state, node.subject)
    for case in node.cases:
        _perhaps(state, f"match {source(node.subject)}", case.body)
    return False


_KINDS: dict[type[ast.stmt], Callable[[State, Any], bool]] = {
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.Import: _import,
    ast.ImportFrom: _import_from,
    ast.FunctionDef: _function,
    ast.AsyncFunctionDef: _function,
    ast.ClassDef: _class,
    ast.With: _with,
    ast.AsyncWith: _with,
    ast.For: _for,
    ast.AsyncFor: _for,
    ast.While: _while,
    ast.If: _if,
    ast.Try: _try,
    ast.TryStar: _try,
    ast.Return: _return,
    ast.Raise: _end,
    ast.Match: _match,
}


def unfollowed(state: State, tree: ast.Module) -> None:
    """Reads the functions that make DAGs but are called from nowhere in the folder, with unknown arguments."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node not in state.facts.followed and _makes_dags(node):
            state.unresolved("dag_factory", node, f"{node.name} makes DAGs, and is not called in this folder")
            _function(state, node)
            found = state.scope.get(node.name)
            if isinstance(found, Func):
                calls.called(state, found, [], {}, node)


def _makes_dags(node: ast.FunctionDef) -> bool:
    names = [decorator.func if isinstance(decorator, ast.Call) else decorator for decorator in node.decorator_list]
    if any(_last(name) == "dag" for name in names):
        return True
    return any(isinstance(inner, ast.Call) and _last(inner.func) == "DAG" for inner in ast.walk(node))


def _last(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
