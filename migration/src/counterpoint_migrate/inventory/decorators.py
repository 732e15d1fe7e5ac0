"""Decorators: what Airflow makes of a function, and what others do to it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory.inventory_model import Dag
from counterpoint_migrate.inventory.values import Bound, Func, Made, Ref, Unknown

if TYPE_CHECKING:
    import ast

    from counterpoint_migrate.inventory.state import State

_DECORATORS = {"dag", "task", "task_group", "asset", "setup", "teardown"}
_MARKS = {"builtins.staticmethod", "builtins.classmethod", "builtins.property", "functools.cached_property"}
# these leave a function what it is, as far as what it makes is concerned
_QUIET = {
    "functools.wraps",
    "functools.lru_cache",
    "functools.cache",
    "contextlib.contextmanager",
    "abc.abstractmethod",
    "typing.overload",
    "typing.no_type_check",
    "typing.final",
    "typing.override",
    "airflow.utils.session.provide_session",
    "airflow.utils.decorators.apply_defaults",
}


def kind_of_decorator(value: Any) -> str | None:
    """What Airflow makes of a function with this decorator: `task`, `task.branch`, `dag` and so on."""
    if isinstance(value, Bound) and isinstance(value.value, Dag) and value.name == "task":
        return "task"
    name = value.name if isinstance(value, Ref | Made) else ""
    parts = name.split(".")
    if parts[0] != "airflow":
        return None
    if len(parts) > 1 and (parts[-2] == "task" or parts[-2:] == ["asset", "multi"]):
        return "task" if parts[-1] == "python" else ".".join(parts[-2:])
    return parts[-1] if parts[-1] in _DECORATORS else None


def by_airflow(value: Any, func: Func) -> Func | None:
    """The function as a decorator of Airflow makes it; None where the value is none."""
    kind = kind_of_decorator(value)
    if kind is None or func.decorator is not None:
        return func if kind is not None else None
    keywords = dict(value.keywords) if isinstance(value, Made) else {}
    if isinstance(value, Bound):  # of a DAG
        keywords["dag"] = value.value
    if isinstance(value, Made) and value.args and kind in {"dag", "task_group"}:
        keywords = {"dag_id": value.args[0], **keywords}
    return replace(func, decorator=(kind, keywords))


def decorated(state: State, value: Any, func: Any, node: ast.AST) -> Any:
    """What a function is worth behind a decorator."""
    own = _of_function(value, func) if isinstance(func, Func) else None
    if own is not None:
        return own
    name = value.name if isinstance(value, Ref | Made) else ""
    if name in _QUIET:
        return func
    if isinstance(value, Ref | Made):
        return Made(name, [func], {}, node)
    return Unknown(node) if isinstance(value, Unknown) else state.call(state, value, [func], {}, node)


def _of_function(value: Any, func: Func) -> Func | None:
    """The function as a decorator leaves it, where that is known."""
    name = value.name if isinstance(value, Ref | Made) else ""
    if name in _MARKS:
        return replace(func, marks=func.marks | {name.rpartition(".")[2].replace("cached_", "")})
    if name == "contextlib.contextmanager":
        return replace(func, marks=func.marks | {"contextmanager"})
    if isinstance(value, Bound) and isinstance(value.value, Func) and value.name in {"setter", "deleter"}:
        return value.value
    return by_airflow(value, func)
