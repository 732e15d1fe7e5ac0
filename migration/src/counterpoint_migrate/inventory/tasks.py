"""Tasks: which calls make one, and what is known of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory import paths, uses
from counterpoint_migrate.inventory.inventory_model import Dag, Group, Task, Unresolved
from counterpoint_migrate.inventory.values import Func, Instance, Made, More, Perhaps, Ref, Unknown, inside, text_of

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
# operators of Airflow that take no connection
_NO_CONNECTION = re.compile(r"^(Empty|Dummy|Bash|Python|Branch\w*|ShortCircuit|Latest\w*|TriggerDagRun|External\w*)")
_CONNECTION = re.compile(r"(^|_)conn(ection)?_id$")


@dataclass(frozen=True, slots=True)
class How:
    """How a task is made: of which kind, with which function, mapped over what."""

    kind: str
    function: str | None = None
    mapped: dict[str, Any] | None = None
    base: str | None = None  # the operator of Airflow that a class of the folder rests on
    unique: bool = False  # a function that is called again gives another task, with a number behind its id
    parameters: dict[str, Any] = field(default_factory=dict)  # of the class of the folder, beside those of the operator


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
    return "sensor" if tail.endswith(("Sensor", "SensorAsync", "SensorOperator")) else "operator"


def make_task(state: State, name: str, keywords: dict[str, Any], node: ast.AST, how: How) -> Task:
    """Notes a task, in the DAG that it is given or that is around it."""
    groups = _groups(state, keywords)
    dag = _dag(state, keywords)
    base = how.base if how.base is not None else name
    given = {**_defaults(dag, groups, keywords, base, how), **(how.mapped or {}), **keywords}
    task_id, literal = _id(state, _rule(given.get("task_id")), node, groups)
    module, _, operator = name.rpartition(":" if ":" in name else ".")
    kind = "sensor" if how.kind == "task.sensor" else how.kind
    task = Task(task_id, literal, operator, module, state.place(node), kind, {**how.parameters, **given})
    task.mapped, task.callable = how.mapped is not None, how.function
    task.loop, task.condition = _last(state.loops), _last(state.conditions)
    task.settings = {setting: _rule(given[setting]) for setting in SETTINGS if given.get(setting) is not None}
    if how.base is not None:
        task.arguments["**base"] = how.base
    task.outlets, task.inlets = (asset_keys(state, given.get(side), node) for side in ("outlets", "inlets"))
    _place(state, task, dag, groups, node, unique=how.unique)
    if "**" in keywords:
        state.unresolved("arguments", node, f"task {task.id} is given **{text_of(keywords['**'])}")
    uses.of_arguments(state, task, how.parameters | keywords | (how.mapped or {}), node)
    paths.of_arguments(task)
    return task


def _dag(state: State, keywords: dict[str, Any]) -> Dag | None:
    dag = keywords.get("dag")
    if isinstance(dag, Instance):
        dag = next(iter(dag.native), Unknown(dag.node))
    if isinstance(dag, Dag):
        return dag
    group = keywords.get("task_group")
    inherited = next((task.dag for task in group.tasks), None) if isinstance(group, Group) else None
    return inherited or state.dag if dag is None else None


def default_args(state: State, keywords: dict[str, Any]) -> dict[str, Any]:
    """What the DAG and the groups around give tasks by default."""
    dag = _dag(state, keywords)
    found = dict(dag.defaults) if dag is not None else {}
    for group in _groups(state, keywords):
        found |= group.defaults
    return {str(name): value for name, value in found.items()}


def _groups(state: State, keywords: dict[str, Any]) -> list[Group]:
    group = keywords.get("task_group")
    return [*group.around, group] if isinstance(group, Group) else state.groups


def _defaults(dag: Dag | None, groups: list[Group], keywords: dict[str, Any], base: str, how: How) -> dict[str, Any]:
    """What default_args give the task: the settings of all operators, and others that this one takes."""
    found = dict(dag.defaults) if dag is not None else {}
    for given in (*(group.defaults for group in groups), keywords.get("default_args")):
        found |= given if isinstance(given, dict) else {}
    own = how.parameters.keys() - keywords.keys()
    takes = re.compile(r"$.") if _NO_CONNECTION.match(base.rpartition(".")[2]) else _CONNECTION
    if how.kind.startswith("task") or how.base is not None:
        takes = re.compile(r"$.")
    return {
        str(name): value
        for name, value in found.items()
        if name in SETTINGS or name == "outlets" or name in own or takes.search(str(name))
    }


def _id(state: State, value: Any, node: ast.AST, groups: list[Group]) -> tuple[str, bool]:
    prefix = groups[-1].prefix if groups else ""
    if isinstance(value, str):
        return prefix + value, True
    text = text_of(value) if value is not None else text_of(Unknown(node))
    state.unresolved("task_id", node, f"the id of this task is {text}")
    return prefix + text, False


def _rule(value: Any) -> Any:
    return value.tail.lower() if isinstance(value, Ref) and ".TriggerRule." in f".{value.name}" else value


def _last(texts: list[str]) -> str | None:
    return texts[-1] if texts else None


def _place(state: State, task: Task, dag: Dag | None, groups: list[Group], node: ast.AST, *, unique: bool) -> None:
    if dag is None:
        state.facts.loose[task] = None
    else:
        adopt(state, dag, task, unique=unique)
    for group in groups:
        group.tasks.append(task)
    if task.loop is not None:
        state.unresolved("loop", node, f"task {task.id} is made in a loop over {task.loop}")
    if task.condition is not None:
        state.unresolved("condition", node, f"task {task.id} is made only if {task.condition}")


def adopt(state: State, dag: Dag, task: Task, *, unique: bool = False) -> None:
    """Puts a task into a DAG; a function that was called before gets a number, as Airflow does."""
    base = task.id
    state.heap.touch(dag.taken)
    number = dag.taken.get(base, 0) if unique else 0
    if isinstance(number, Unknown):
        task.literal = False
        detail = f"whether the id {base} of this task gets a number is not known"
        state.facts.note(Unresolved(task.place, "task_id", detail), dag)
    else:
        while number and f"{base}__{number}" in dag.taken:
            number += 1
        if number:
            task.id = f"{base}__{number}"
        dag.taken[base] = number + 1
        dag.taken.setdefault(task.id, 1)
    state.facts.loose.pop(task, None)
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
                if (symbol := paths.symbolic(key)) is not None:  # the same variable is the same text
                    found[symbol] = None
        elif isinstance(one, Unknown | Perhaps | More) and one is not value:
            state.unresolved("asset", node, f"which asset is meant is not known: {text_of(one)}")
    return list(found)
