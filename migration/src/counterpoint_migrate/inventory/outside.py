"""Calls that are not resolved: where they may make DAGs or tasks they are told, and what they are given is unknown."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory.inventory_model import Dag
from counterpoint_migrate.inventory.libraries import LIBRARIES
from counterpoint_migrate.inventory.values import (
    Bound,
    Class,
    Instance,
    Made,
    Method,
    Partial,
    Ref,
    Super,
    Unknown,
    inside,
    text_of,
)

if TYPE_CHECKING:
    import ast
    from collections.abc import Sequence

    from counterpoint_migrate.inventory.state import State

_FACTORY = ("create_dag", "make_dag", "build_dag", "generate_dag", "get_dag", "load_yaml_dags")
_FACTORIES = {"dagfactory", "gusty", "boundary_layer"}
# classes that describe something, and make no task
_DESCRIBES = (
    *("Config", "Mapping", "Settings", "Params", "Param", "Schema", "Client", "Hook", "Error", "Exception"),
    *("Enum", "Spec", "Options", "Policy", "Credentials", "Profile", "Label", "Callback", "Notifier"),
)
# methods of texts, lists, dicts, dates and loggers: on a value that is not known they make no task
_BY_TYPE = {name for kind in (str, list, dict, set, bytes) for name in dir(kind)}
_BY_TYPE |= {"strftime", "isoformat", "date", "timestamp", "info", "debug", "warning", "error", "exception", "read"}
_BY_TYPE |= {"readlines", "close", "write", "fetchall", "fetchone", "cursor", "commit", "safe_load", "match", "group"}
_CHANGES = {"random.shuffle", "heapq.heapify", "heapq.heappush", "heapq.heappop", "bisect.insort", "builtins.next"}
_KNOWN = sys.stdlib_module_names | {"builtins", "airflow"}
_QUIET_ON_DAG = {"chain", "chain_linear", "cross_downstream", "days_ago", "isinstance"}


def origin(value: Any) -> str | None:
    """The full name of what a value comes from; None where it is not known."""
    while isinstance(value, Bound | Partial):
        value = value.value if isinstance(value, Bound) else value.callee
    if isinstance(value, Ref | Made):
        return value.name
    if isinstance(value, Instance | Super):
        made_of = value.made_of if isinstance(value, Instance) else value.owner
        return next(iter(made_of.outside()), None)
    return next(iter(value.outside()), None) if isinstance(value, Class) else None


def unresolved_call(state: State, callee: Any, args: Sequence[Any], keywords: dict[str, Any], node: ast.AST) -> None:
    """Notes a call that is not followed, where it may make something, and doubts what it may change."""
    if state.user is not None:
        return
    name, held = origin(callee), [callee.value] if isinstance(callee, Bound) else []
    given = [one for value in (*held, *args, *keywords.values()) for one in inside(value)]
    dags = [one for one in given if isinstance(one, Dag)]
    if _makes_dags(callee, name, given):
        state.unresolved("dag_factory", node, f"{_shown(callee)} lies outside the folder and may make DAGs")
    elif _makes_tasks(state, callee, name, gets_dag=bool(dags)):
        dag = dags[0] if dags else state.dag
        where = "lies outside the folder" if name is not None else "is not resolved"
        of_dag = f"tasks of DAG {dag.id}" if dag is not None else "tasks"
        state.unresolved("out_of_sight", node, f"{_shown(callee)} {where} and may make {of_dag}")
    if _may_change(callee, name):
        state.heap.doubt([*args, *keywords.values()], node)
    if _tail(callee) in {"exec", "eval", "import_module", "__import__"} and isinstance(callee, Ref):
        state.unresolved("generated_code", node, f"{text_of(Unknown(node))} brings in code when it is run")


def _shown(callee: Any) -> str:
    return text_of(callee) if not isinstance(callee, Made) else f"{callee.name}(...)"


def _makes_dags(callee: Any, name: str | None, given: Sequence[Any]) -> bool:
    """It is given the names of the file, or is called as if it made DAGs."""
    if isinstance(callee, Bound) and _is_names(callee.value):  # globals().update(...)
        return False
    root = (name or "").partition(".")[0]
    if any(map(_is_names, given)) and root not in {"builtins", "logging", "pprint", "json"}:
        return True
    if not isinstance(callee, Ref | Bound) or root in sys.stdlib_module_names:
        return False
    factory = _tail(callee).startswith(_FACTORY) and (isinstance(callee, Ref) or name is not None)
    return factory or (root in _FACTORIES and _tail(callee)[:1].islower())


def _is_names(value: Any) -> bool:
    return isinstance(value, Made) and value.name == "builtins.globals"


def _makes_tasks(state: State, callee: Any, name: str | None, *, gets_dag: bool) -> bool:
    """Whether a call may make tasks: it is given a DAG, or stands in one."""
    if gets_dag:
        return not _is_quiet_on_dag(callee, name)
    if state.dag is None or (isinstance(callee, Bound) and callee.name in _BY_TYPE):
        return False
    if name is None:
        return state.arguments == 0
    root = name.partition(".")[0]
    if root in _KNOWN or root in LIBRARIES or "." not in name:
        return False
    tail = _tail(callee)
    return tail[:1].islower() or (state.arguments == 0 and not tail.endswith(_DESCRIBES))


def _is_quiet_on_dag(callee: Any, name: str | None) -> bool:
    """Whether something that is given a DAG makes no tasks of it: built-ins, classes and some functions of Airflow."""
    root = (name or "").partition(".")[0]
    if root == "airflow":
        return not (isinstance(callee, Ref) and callee.tail[:1].islower() and callee.tail not in _QUIET_ON_DAG)
    return root in _KNOWN


def _tail(callee: Any) -> str:
    while isinstance(callee, Partial):
        callee = callee.callee
    if isinstance(callee, Ref | Made):
        return callee.name.rpartition(".")[2]
    return callee.name if isinstance(callee, Bound | Class) else callee.func.name if isinstance(callee, Method) else ""


def _may_change(callee: Any, name: str | None) -> bool:
    """Whether a call may change the lists and dicts that it is given: classes keep them, functions may do anything."""
    if name is None:
        return not (isinstance(callee, Bound) and callee.name in _BY_TYPE)
    root = name.partition(".")[0]
    if root in _KNOWN or root in LIBRARIES:
        return name in _CHANGES
    return not _tail(callee)[:1].isupper()
