"""What calls and arguments use: variables, connections, XCom, templates."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory import code_links, paths
from counterpoint_migrate.inventory.values import (
    Bound,
    Class,
    Made,
    Method,
    Ref,
    Unknown,
    inside,
    text_of,
)

if TYPE_CHECKING:
    import ast
    from collections.abc import Sequence

    from counterpoint_migrate.inventory.inventory_model import Task, Uses
    from counterpoint_migrate.inventory.state import State

_CONNECTION = re.compile(r"(^|_)conn(ection)?_id$")
_BRACES = re.compile(r"\{\{(.*?)\}\}|\{%(.*?)%\}", re.DOTALL)
_BY_NAME = r"(?:\.get\(\s*['\"]([^'\"]+)['\"]|\[\s*['\"]([^'\"]+)['\"]\s*\]|\.(?!get\b)(\w+))"
_VARIABLE = re.compile(rf"\bvar\.(?:value|json){_BY_NAME}")
_CONN = re.compile(rf"\bconn{_BY_NAME}")
_PULL = re.compile(r"xcom_pull\((.*?)\)", re.DOTALL)
_FILE = re.compile(r"[\w./-]+\.(sql|hql|sh|bash|ya?ml|json|txt)")
_LONGEST = 300


def note(state: State, callee: Any, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> None:
    """Notes what a call uses, for the task, DAG or file around it."""
    name = _name(callee)
    found = state.uses
    first = args[0] if args else keywords.get("key", keywords.get("conn_id"))
    if name.endswith(("Variable.get", "Variable.setdefault", "Variable.set", "Variable.update", "Variable.delete")):
        _add(state, found.variables, "variable", first, node)
        if isinstance(first, str) and name.endswith(("Variable.set", "Variable.update", "Variable.delete")):
            found.variables_set.add(first)
    elif name.endswith((".get_connection", "Connection.get", "get_connection_from_secrets")):
        _add(state, found.connections, "connection", first, node)
    elif name.endswith((".xcom_pull", ".xcom_push")):
        found.add_xcom(name[-4:], _xcom(args, keywords))
    if state.user is None:
        if name.endswith("Hook") and args and isinstance(first, str):
            found.connections.add(first)
        return
    _connections(state, found, keywords, node)
    if name.endswith("Hook") and args:
        _add(state, found.connections, "connection", first, node)
    code_links.of_call(state, found, name, args, keywords, node)
    paths.of_call(found, callee, args, keywords)


def _name(callee: Any) -> str:
    if isinstance(callee, Ref | Class):
        return callee.name
    if isinstance(callee, Method):
        return f".{callee.func.name}"
    if isinstance(callee, Bound):
        return f"{callee.value.name if isinstance(callee.value, Ref | Class) else ''}.{callee.name}"
    return ""


def _add(state: State, names: set[str], kind: str, value: Any, node: ast.AST) -> None:
    if isinstance(value, str):
        names.add(value)
    elif isinstance(value, Unknown) and value.options:
        names.update(option for option in value.options if isinstance(option, str))
        state.unresolved(kind, node, f"the {kind} is {text_of(value)}")
    elif value is not None:
        state.unresolved(kind, node, f"the {kind} is {text_of(value)}")


def _xcom(args: Sequence[Any], keywords: dict[str, Any]) -> str:
    given = [_shown(arg) for arg in args]
    given += [f"{name}={_shown(value)}" for name, value in keywords.items() if name in {"task_ids", "key", "dag_id"}]
    return ", ".join(given)[:_LONGEST]


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_shown, value))}]"
    return text_of(value)


def of_maker(state: State, keywords: dict[str, Any], node: ast.AST) -> None:
    """Notes the connections that a call which makes tasks out of sight is given."""
    _connections(state, state.uses, keywords, node)


def _connections(state: State, found: Uses, keywords: dict[str, Any], node: ast.AST) -> None:
    for name, value in keywords.items():
        if _CONNECTION.search(name):
            _add(state, found.connections, "connection", value, node)
        for one in inside(value):
            if isinstance(one, Made):
                named = (held for inner, held in one.keywords.items() if _CONNECTION.search(inner))
                found.connections.update(held for held in named if isinstance(held, str))


def of_arguments(state: State, task: Task, keywords: dict[str, Any], node: ast.AST) -> None:
    """Notes what the arguments of a task use."""
    _connections(state, task.uses, {**task.arguments, **keywords}, node)
    for name, value in keywords.items():
        for one in inside(value):
            if isinstance(one, str) and ("{{" in one or "{%" in one or _is_file(name, one)):
                task.uses.templates.setdefault(name, one[:_LONGEST])
                of_template(task.uses, one, task.place)
            if isinstance(one, str) and "command" in name:
                code_links.of_command(task.uses, one, task.place)


def _is_file(name: str, text: str) -> bool:
    return name in {"sql", "hql", "bash_command", "query"} and _FILE.fullmatch(text) is not None


def of_template(found: Uses, text: str, place: str) -> None:
    """Notes what a Jinja template uses."""
    for inner in (braces[1] or braces[2] for braces in _BRACES.finditer(text)):
        found.variables |= {next(filter(None, match.groups())) for match in _VARIABLE.finditer(inner)}
        found.connections |= {next(filter(None, match.groups())) for match in _CONN.finditer(inner)}
        for pull in _PULL.finditer(inner):
            found.add_xcom("template", " ".join(pull[1].split())[:_LONGEST])
            code_links.of_pull(found, pull[1], place)
