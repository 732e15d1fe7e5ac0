"""DAGs: their ids, schedules and settings."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory.inventory_model import Dag
from counterpoint_migrate.inventory.tasks import How, asset_keys, make_task
from counterpoint_migrate.inventory.values import Func, Instance, Made, Ref, Unknown, inside, text_of

if TYPE_CHECKING:
    import ast
    from collections.abc import Sequence

    from counterpoint_migrate.inventory.state import State

SETTINGS = (
    "description",
    "start_date",
    "end_date",
    "catchup",
    "max_active_runs",
    "max_active_tasks",
    "concurrency",
    "dagrun_timeout",
    "sla_miss_callback",
    "deadline",
    "on_success_callback",
    "on_failure_callback",
    "tags",
    "params",
    "template_searchpath",
    "user_defined_macros",
    "user_defined_filters",
    "render_template_as_native_obj",
    "is_paused_upon_creation",
    "fail_stop",
    "fail_fast",
    "depends_on_past",
)
_SCHEDULES = ("schedule", "schedule_interval", "timetable")
_FIELDS = (5, 6)


def named(args: Sequence[Any], keywords: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a DAG by name."""
    names = ("dag_id", "description", "schedule_interval", "start_date", "end_date")
    return dict(zip(names, args, strict=False)) | keywords


def make_dag(
    state: State, style: str, keywords: dict[str, Any], node: ast.AST, whole: dict[str, Any] | None = None
) -> Dag:
    """Notes a DAG; `whole` are the arguments as they were given where others were added."""
    dag_id, literal = _id(state, keywords.get("dag_id"), node)
    defaults = keywords.get("default_args")
    known_defaults = {str(name): value for name, value in defaults.items()} if isinstance(defaults, dict) else {}
    settings = {name: keywords[name] for name in SETTINGS if keywords.get(name) is not None}
    for name in ("start_date", "end_date"):
        if name in known_defaults:
            settings.setdefault(name, known_defaults[name])
    dag = Dag(dag_id, literal, state.place(node), style, _schedule(state, keywords, node), settings, known_defaults)
    dag.timetable = next((keywords[name] for name in _SCHEDULES if keywords.get(name) is not None), None)
    dag.called_from, dag.source = state.site, state.root.path
    dag.loop = state.loops[-1] if state.loops else None
    dag.condition = state.conditions[-1] if state.conditions else None
    _doubts(state, dag, keywords if whole is None else whole, node)
    state.facts.dags.append(dag)
    return dag


def _doubts(state: State, dag: Dag, keywords: dict[str, Any], node: ast.AST) -> None:
    if dag.loop is not None:
        state.unresolved("generated_dags", node, f"DAGs {dag.id} are made in a loop over {dag.loop}")
    if dag.condition is not None:
        state.unresolved("condition", node, f"DAG {dag.id} is made only if {dag.condition}")
    if "**" in keywords:
        state.unresolved("arguments", node, f"DAG {dag.id} is given **{text_of(keywords['**'])}")
    defaults = keywords.get("default_args")
    if defaults is not None and (not isinstance(defaults, dict) or "**" in defaults):
        state.unresolved("arguments", node, f"the default_args of DAG {dag.id} are {text_of(defaults)}")


def _id(state: State, value: Any, node: ast.AST) -> tuple[str, bool]:
    if isinstance(value, str):
        return value, True
    text = text_of(value if value is not None else Unknown(node))
    state.unresolved("dag_id", node, f"the id of this DAG is {text}")
    return text, False


def _schedule(state: State, keywords: dict[str, Any], node: ast.AST) -> dict[str, Any]:
    given = [keywords[name] for name in _SCHEDULES if name in keywords]
    if not given and "**" in keywords:
        return _kind("unknown", None, keywords["**"])
    if not given:
        return _kind("default", None)
    value = next((one for one in given if one is not None), None)
    found = _known_schedule(state, value, node)
    if found is None:
        state.unresolved("schedule", node, f"the schedule is {text_of(value)}")
        return _kind("unknown", None, value)
    return found


def _known_schedule(state: State, value: Any, node: ast.AST) -> dict[str, Any] | None:
    if value is None:
        return _kind("none", None)
    if isinstance(value, timedelta):
        return _kind("timedelta", value.total_seconds())
    if isinstance(value, str):
        preset = value.startswith("@")
        return _kind("preset" if preset else "cron", value) if preset or len(value.split()) in _FIELDS else None
    return _made_schedule(state, value, node)


def _made_schedule(state: State, value: Any, node: ast.AST) -> dict[str, Any] | None:
    """A timetable, or assets."""
    if isinstance(value, Unknown):
        return None
    assets = asset_keys(state, value, node)
    timetable = next((one for one in inside(value) if _is_timetable(one)), None)
    cron = next((one for one in inside(timetable) if isinstance(one, str) and len(one.split()) in _FIELDS), None)
    if assets:
        return _kind("assets", cron, value) | {"assets": assets}
    return None if timetable is None else _kind("timetable", cron, value)


def _is_timetable(value: Any) -> bool:
    if isinstance(value, Instance):
        return any("imetable" in name for name in (value.made_of.name, *value.made_of.outside()))
    return isinstance(value, Ref | Made) and "imetable" in value.name


def _kind(kind: str, value: Any, expression: Any = None) -> dict[str, Any]:
    return {
        "kind": kind,
        "value": value,
        "expression": None if expression is None else text_of(expression),
        "assets": [],
    }


def asset_dag(state: State, func: Func) -> None:
    """A function decorated by `asset` or `asset.multi` is a DAG of one task that makes it, or several."""
    kind, given = func.decorator or ("asset", {})
    dag = make_dag(state, "asset", {"dag_id": given.get("name", func.name), **given}, func.node, whole={})
    uri = given.get("uri")
    with state.around(dag):
        how = How("task", func.name)
        task = make_task(state, "airflow.sdk.asset", {"task_id": dag.id, **given}, func.node, how)
    task.code = func
    if kind == "asset":
        task.outlets = [uri] if isinstance(uri, str) else [dag.id]
