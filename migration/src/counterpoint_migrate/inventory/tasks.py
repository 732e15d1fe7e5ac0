"""Tasks: which calls make one, and what is known of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory import paths, uses
from counterpoint_migrate.inventory.inventory_model import Dag, Task
from counterpoint_migrate.inventory.values import Func, Made, Ref, Unknown, inside, text_of

if TYPE_CHECKING:
    import ast

    from counterpoint_migrate.inventory.state import State

SETTINGS = (
    "owner",
    "trigger_rule",
    "pool",
    "pool_slots",
    "priority_weight",
    "queue",
    "retries",
    "retry_delay",
    "retry_exponential_backoff",
    "max_retry_delay",
    "execution_timeout",
    "timeout",
    "sla",
    "depends_on_past",
    "wait_for_downstream",
    "ignore_first_depends_on_past",
    "max_active_tis_per_dag",
    "task_concurrency",
    "mode",
    "poke_interval",
    "soft_fail",
    "deferrable",
    "execution_delta",
    "execution_date_fn",
    "external_task_id",
    "external_dag_id",
    "trigger_dag_id",
    "wait_for_completion",
    "do_xcom_push",
    "multiple_outputs",
    "executor",
    "on_failure_callback",
    "on_success_callback",
    "on_retry_callback",
    "on_execute_callback",
    "on_skipped_callback",
    "sla_miss_callback",
    "email",
    "email_on_failure",
    "email_on_retry",
    "executor_config",
    "run_as_user",
    "weight_rule",
    "max_active_tis_per_dagrun",
    "params",
    "conf",
)
_OPERATOR = re.compile(r"(Operator|OperatorAsync|Sensor|SensorAsync|ExternalTaskMarker)$")


@dataclass(frozen=True, slots=True)
class How:
    """How a task is made: of which kind, with which function, mapped over what."""

    kind: str
    function: str | None = None
    mapped: dict[str, Any] | None = None
    base: str | None = None  # the operator of Airflow that a class of the folder rests on
    unique: bool = False  # a function that is called again gives another task, with a number behind its id


def is_operator(callee: Ref, keywords: dict[str, Any]) -> bool:
    """Whether a call of something from outside the folder makes a task."""
    if "task_id" in keywords:
        return callee.tail[:1].isupper() and callee.tail != "TaskInstance"
    return _OPERATOR.search(callee.tail) is not None


def kind_of(name: str) -> str:
    """`sensor`, `marker` or `operator`."""
    tail = name.rpartition(".")[2]
    if tail.endswith("Marker"):
        return "marker"
    return "sensor" if tail.endswith(("Sensor", "SensorAsync")) else "operator"


def make_task(state: State, name: str, keywords: dict[str, Any], node: ast.AST, how: How) -> Task:
    """Notes a task, in the DAG that it is given or that is around it."""
    dag = keywords.get("dag") if isinstance(keywords.get("dag"), Dag) else state.dag
    given = {**_defaults(state, dag, keywords), **(how.mapped or {}), **keywords}
    task_id, literal = _id(state, _rule(given.get("task_id")), node)
    module, _, operator = name.rpartition(":" if ":" in name else ".")
    kind = "sensor" if how.kind == "task.sensor" else how.kind
    task = Task(task_id, literal, operator, module, state.place(node), kind, given)
    task.mapped, task.callable = how.mapped is not None, how.function
    task.loop, task.condition = _last(state.loops), _last(state.conditions)
    task.settings = {setting: _rule(given[setting]) for setting in SETTINGS if given.get(setting) is not None}
    if how.base is not None:
        task.arguments = {**given, "**base": how.base}
    task.outlets, task.inlets = (asset_keys(state, given.get(side), node) for side in ("outlets", "inlets"))
    _place(state, task, dag, node, unique=how.unique)
    uses.of_arguments(state, task, keywords | (how.mapped or {}), node)
    paths.of_arguments(task)
    return task


def group_defaults(state: State, keywords: dict[str, Any]) -> dict[str, Any]:
    """The default_args of a task group: its own over those of the group around."""
    own = keywords.get("default_args")
    outer = state.groups[-1].defaults if state.groups else {}
    return {**outer, **(own if isinstance(own, dict) else {})}


def _defaults(state: State, dag: Dag | None, keywords: dict[str, Any]) -> dict[str, Any]:
    own = keywords.get("default_args")
    found = dict(dag.defaults) if dag is not None else {}
    found |= state.groups[-1].defaults if state.groups else {}
    found |= own if isinstance(own, dict) else {}
    return {str(name): value for name, value in found.items() if name in SETTINGS or name == "outlets"} if found else {}


def _id(state: State, value: Any, node: ast.AST) -> tuple[str, bool]:
    prefix = state.groups[-1].prefix if state.groups else ""
    if isinstance(value, str):
        return prefix + value, True
    text = text_of(value) if value is not None else text_of(Unknown(node))
    state.unresolved("task_id", node, f"the id of this task is {text}")
    return prefix + text, False


def _rule(value: Any) -> Any:
    return value.tail.lower() if isinstance(value, Ref) and ".TriggerRule." in f".{value.name}" else value


def _last(texts: list[str]) -> str | None:
    return texts[-1] if texts else None


def _place(state: State, task: Task, dag: Dag | None, node: ast.AST, *, unique: bool) -> None:
    if dag is None:
        state.facts.loose.append(task)
    else:
        adopt(state, dag, task, unique=unique)
    for group in state.groups:
        group.tasks.append(task)
    if task.loop is not None:
        state.unresolved("loop", node, f"task {task.id} is made in a loop over {task.loop}")
    if task.condition is not None:
        state.unresolved("condition", node, f"task {task.id} is made only if {task.condition}")


def adopt(state: State, dag: Dag, task: Task, *, unique: bool = False) -> None:
    """Puts a task into a DAG; a function that was called before gets a number, as Airflow does."""
    taken = {other.id for other in dag.tasks} if unique else set()
    base, number = task.id, 0
    while task.id in taken:
        number += 1
        task.id = f"{base}__{number}"
    if task in state.facts.loose:
        state.facts.loose.remove(task)
    task.dag = dag
    dag.tasks.append(task)


def asset_keys(state: State, value: Any, node: ast.AST) -> list[str]:
    """The URIs, or else names, of the assets (once: datasets) in a value."""
    found: dict[str, None] = {}
    for one in inside(value):
        if isinstance(one, Func) and one.decorator is not None and one.decorator[0] == "asset":
            uri = one.decorator[1].get("uri")
            found[uri if isinstance(uri, str) else one.name] = None
        if isinstance(one, Made) and one.name.rpartition(".")[2] in {"Asset", "Dataset", "AssetAlias", "DatasetAlias"}:
            key = one.keywords.get("uri", (*one.args, None, None)[1]) or (*one.args, one.keywords.get("name"))[0]
            if isinstance(key, str):
                found[key] = None
            else:
                state.unresolved("asset", node, f"the address of {text_of(one)} is not known")
    return list(found)
