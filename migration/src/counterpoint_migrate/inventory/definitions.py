"""Definitions of functions and classes."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory.classes import has_fields, native_base
from counterpoint_migrate.inventory.dags import asset_dag
from counterpoint_migrate.inventory.decorators import decorated
from counterpoint_migrate.inventory.expressions import defaults, evaluate
from counterpoint_migrate.inventory.tasks import is_operator
from counterpoint_migrate.inventory.values import Class, Func, Made, Ref, Unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from counterpoint_migrate.inventory.state import State


def define_function(state: State, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Any:
    """Binds a function, as its decorators make it; gives what the name is bound to."""
    found: Any = Func(node.name, node.args, defaults(state, node.args), node.body, state.scope, state.module, node)
    if any(isinstance(inner, ast.Yield | ast.YieldFrom) for inner in _own(node)):
        found = replace(found, yields=True)
    for decorator in reversed(node.decorator_list):
        found = decorated(state, evaluate(state, decorator), found, decorator)
    state.bind(node.name, found)
    if isinstance(found, Func) and found.decorator is not None and found.decorator[0] in {"asset", "asset.multi"}:
        asset_dag(state, found)
    return found


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function, without those of functions and classes inside it."""
    stack = list(ast.iter_child_nodes(node))
    while stack:
        inner = stack.pop()
        yield inner
        if not isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            stack += ast.iter_child_nodes(inner)


def define_class(state: State, node: ast.ClassDef) -> None:
    """Binds a class of the folder."""
    bases = tuple(evaluate(state, base) for base in node.bases)
    base = _base(bases)
    if base.endswith("AirflowPlugin"):
        state.facts.plugins.append({"name": node.name, "place": state.place(node)})
    outer, declared = state.scope, state.declared
    state.scope, state.declared = outer.new_child(), [*declared, {}]
    try:
        state.execute(state, node.body)
        own = dict(state.scope.maps[0])
    finally:
        state.scope, state.declared = outer, declared
    made = Class(node.name, base, state.module.path, own, bases, _fields(state, node, bases))
    for name, value in own.items():
        if isinstance(value, Func) and value.owner is None:
            own[name] = replace(value, owner=made, scope=outer)
    state.bind(node.name, made)
    _metaclass(state, node, made)


def _base(bases: tuple[Any, ...]) -> str:
    """The name of the first operator or DAG that a class rests on, or else of the first class outside the folder."""
    names = [base.name if isinstance(base, Ref) else base.base for base in bases if isinstance(base, Ref | Class)]
    names = [name for name in names if name]
    native = (name for name in names if is_operator(Ref(name), {}) or Ref(name).tail == "DAG")
    return next(native, names[0] if names else "")


def _fields(state: State, node: ast.ClassDef, bases: tuple[Any, ...]) -> tuple[str, ...] | None:
    """The fields of a data class, those of its bases first."""
    decorators = [evaluate(state, decorator) for decorator in node.decorator_list]
    inherited = [field for base in bases if isinstance(base, Class) for field in base.fields or ()]
    named = [value.name for value in (*decorators, *bases) if isinstance(value, Ref | Made)]
    if not any(map(has_fields, named)) and not inherited:
        return None
    targets = [part.target for part in node.body if isinstance(part, ast.AnnAssign)]
    own = [target.id for target in targets if isinstance(target, ast.Name)]
    return tuple(dict.fromkeys([*inherited, *own]))


def _metaclass(state: State, node: ast.ClassDef, made: Class) -> None:
    """A class that something runs code for when it is defined may make DAGs by that."""
    given = next((keyword.value for keyword in node.keywords if keyword.arg == "metaclass"), None)
    metaclass = (
        evaluate(state, given)
        if given is not None
        else next((one.keywords["**metaclass"] for one in made.lineage() if "**metaclass" in one.keywords), None)
    )
    if isinstance(metaclass, Class | Unknown):
        made.keywords["**metaclass"] = metaclass
        state.unresolved("dag_factory", node, f"class {node.name} has a metaclass, which may make DAGs")
    if any("__init_subclass__" in one.keywords for one in made.lineage()[1:]) and not native_base(made):
        state.unresolved("dag_factory", node, f"class {node.name} has an __init_subclass__, which may make DAGs")
