"""What a DAG uses that Dagster does otherwise, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory.dates import date_of
from counterpoint_migrate.inventory.run_facts import own_tables_of, parameters_of
from counterpoint_migrate.inventory.subdags import is_subdag
from counterpoint_migrate.inventory.values import plain
from counterpoint_migrate.plan.dagster_equivalents import counterparts, operators
from counterpoint_migrate.plan.plans import Need, Place, Stranger, in_file_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from counterpoint_migrate.inventory.inventory_model import Dag, Dependency, Task
    from counterpoint_migrate.inventory.task_code import TaskCode

Found = tuple[str, str]
# by need: the settings of a task, and of a DAG, that tell of it when they are given
_OF_TASKS = {
    "pools": ("pool", "pool_slots"),
    "deadlines": ("sla", "sla_miss_callback"),
    "past": ("depends_on_past", "wait_for_downstream"),
    "max_active": ("max_active_tis_per_dag", "max_active_tis_per_dagrun", "task_concurrency"),
    "priority": ("priority_weight", "weight_rule"),
    "retries": ("retries",),
    "timeouts": ("execution_timeout",),
    "placement": ("queue", "executor", "executor_config", "run_as_user"),
}
_OF_DAGS = {
    "deadlines": ("sla_miss_callback", "deadline", "dagrun_timeout"),
    "past": ("depends_on_past",),
    "max_active": ("max_active_runs", "max_active_tasks", "concurrency"),
    "parameters": ("params",),
    "macros": ("user_defined_macros", "user_defined_filters", "template_searchpath"),
}
_UNSAID: dict[str, tuple[Any, ...]] = {
    "pool": ("default_pool",),
    "pool_slots": (1,),
    "priority_weight": (1,),
    "weight_rule": ("downstream",),
    "params": ({},),
}
_KNOWN_PACKAGES = ("airflow.", "cosmos.")
_ONCE = ("@once", "@continuous")  # nothing is caught up
_BRANCHES = ("Branch", "ShortCircuit")
_BRANCH_KINDS = {"task.branch", "task.short_circuit", "task.branch_virtualenv", "task.branch_external_python"}
_BRANCH_KINDS |= {"task.run_if", "task.skip_if"}
_CRONS = ("CronDataIntervalTimetable", "CronPartitionTimetable")  # whose interval is that between ticks


def needs(dags: Sequence[Dag], code: TaskCode, dependencies: Sequence[Dependency] = ()) -> tuple[Need, ...]:
    """All that DAGs of one move need, in the order of the counterparts; `dependencies` are those at either end."""
    keys = {dag.key for dag in dags}
    found = {name: list[Found]() for name in counterparts()}
    for dag in dags:
        for name, of_dag in _DAGS.items():
            found[name] += of_dag(dag)
        for task in dag.tasks:
            for name, of_task in _TASKS.items():
                found[name] += of_task(task)
            if date := date_of(task, code):
                found["interval"].append((task.place, date))
            found["parameters"] += ((task.place, name) for name in parameters_of(task, code))
            found["airflow_itself"] += ((task.place, name) for name in own_tables_of(task, code))
    for one in dependencies:
        if one.offset is not None and one.downstream in keys:
            found["logical_dates"].append((one.place, f"{one.upstream}: {one.offset}"))
        if one.upstream == one.downstream and one.kind == "trigger":
            found["self_trigger"].append((one.place, one.detail))
    return tuple(_need(name, places) for name, places in found.items() if places)


def _need(name: str, found: Sequence[Found]) -> Need:
    known = counterparts()[name]
    return Need(name, known.title, known.in_dagster, known.source, known.effort, _places(found))


def _places(found: Sequence[Found]) -> tuple[Place, ...]:
    return tuple(Place(*one) for one in sorted(set(found), key=lambda one: (in_file_order(one[0]), one[1])))


def strangers(dags: Sequence[Dag]) -> tuple[Stranger, ...]:
    """The operators for which no counterpart is known."""
    found: dict[tuple[str, str], list[Found]] = {}
    for task in (task for dag in dags for task in dag.tasks):
        if not operators().keys() & {task.operator, _base(task)}:
            found.setdefault((task.operator, task.module), []).append((task.place, task.id))
    return tuple(Stranger(*name, _places(places)) for name, places in sorted(found.items()))


def pools_of(dag: Dag) -> set[str]:
    """The pools that tasks name."""
    given = (task.settings.get("pool") for task in dag.tasks)
    return {pool for pool in given if isinstance(pool, str) and pool != "default_pool"}


def has_deadline(found: Sequence[Need]) -> bool:
    """Whether somebody is told when it is late."""
    places = (place for need in found if need.name == "deadlines" for place in need.places)
    return any(not place.detail.startswith("dagrun_timeout") for place in places)


def _base(task: Task) -> str:
    return str(task.arguments.get("**base", "")).rpartition(".")[2]


def _given(settings: dict[str, Any], names: Sequence[str]) -> Iterator[str]:
    for name in names:
        value = settings.get(name)
        if value is not None and value != 0 and value not in _UNSAID.get(name, ()):
            yield f"{name}={_shown(value)}"


def _shown(value: Any) -> str:
    known = plain(value)
    if isinstance(known, dict) and "expression" in known:
        return str(known["expression"])
    return f"{known:g} s" if isinstance(known, float) else str(known)


def _by_setting(names: Sequence[str]) -> Callable[[Task | Dag], Iterator[Found]]:
    return lambda one: ((one.place, said) for said in _given(one.settings, names))


def _catchup(dag: Dag) -> Iterator[Found]:
    if dag.schedule["kind"] in {"none", "assets"} or dag.settings.get("catchup") is False:
        return
    if dag.schedule["value"] in _ONCE or dag.parent is not None:
        return
    given = "catchup" in dag.settings
    yield dag.place, f"catchup={_shown(dag.settings['catchup'])}" if given else "not given: on before Airflow 3"


def _timetable(dag: Dag) -> Iterator[Found]:
    kind, expression = dag.schedule["kind"], str(dag.schedule["expression"])
    if kind == "timedelta":
        yield dag.place, f"every {dag.schedule['value']:g} s"
    elif kind == "unknown" or (kind == "timetable" and not any(name in expression for name in _CRONS)):
        yield dag.place, expression


def _time_zone(dag: Dag) -> Iterator[Found]:
    scheduled = dag.schedule["kind"] not in {"none", "assets", "default"} or dag.schedule["value"] is not None
    if dag.zone.shifted and scheduled and dag.parent is None:
        known = "" if dag.zone.name else "not known: "
        yield dag.place, f"{dag.schedule['value'] or dag.schedule['expression']} in {known}{dag.zone.shown}"


def _emails(task: Task) -> Iterator[Found]:
    """Who is mailed, and when; both are on unless they are turned off."""
    addresses = task.settings.get("email")
    occasions = [word for word in ("failure", "retry") if task.settings.get(f"email_on_{word}", True) is not False]
    if addresses and occasions:
        yield task.place, f"{_addresses(addresses)} on {' and '.join(occasions)}"


def _addresses(value: Any) -> str:
    known = plain(value)
    return ", ".join(map(str, known)) if isinstance(known, list) else _shown(value)


def _uses(dag: Dag) -> Callable[[str], Iterator[Found]]:
    return lambda side: ((dag.place, name) for name in sorted(getattr(dag.uses, side)))


def _trigger_rule(task: Task) -> Iterator[Found]:
    rule = task.settings.get("trigger_rule", "all_success")
    if rule != "all_success":
        yield task.place, f"trigger_rule={_shown(rule)}"


def _sensor(task: Task) -> Iterator[Found]:
    if task.kind == "sensor":
        mode = "deferrable" if task.settings.get("deferrable") or task.operator.endswith("Async") else None
        soft = ", soft_fail" if task.settings.get("soft_fail") else ""
        yield task.place, f"{task.operator}, {mode or _shown(task.settings.get('mode', 'poke'))}{soft}"


def _branch(task: Task) -> Iterator[Found]:
    if task.kind in _BRANCH_KINDS or task.operator.startswith(_BRANCHES) or _base(task).startswith(_BRANCHES):
        yield task.place, task.operator


def _custom(task: Task) -> Iterator[Found]:
    if "**base" in task.arguments or not f"{task.module}.".startswith(_KNOWN_PACKAGES):
        yield task.place, f"{task.operator} of {task.module}"


def _parameters(task: Task) -> Iterator[Found]:
    """Parameters of a task, and those that it gives to the run that it starts."""
    names = ("params", "conf") if "trigger_dag_id" in task.arguments else ("params",)
    return ((task.place, text) for text in _given(task.settings, names))


_TASKS: dict[str, Callable[[Task], Iterator[Found]]] = {
    **{name: _by_setting(settings) for name, settings in _OF_TASKS.items()},
    "trigger_rules": _trigger_rule,
    "xcom": lambda task: ((task.place, f"{use['how']} {use['detail']}") for use in task.uses.xcom),
    "templates": lambda task: ((task.place, name) for name in task.uses.templates),
    "sensors": _sensor,
    "callbacks": lambda task: ((task.place, name) for name in task.settings if name.startswith("on_")),
    "mapping": lambda task: iter([(task.place, task.operator)] if task.mapped else []),
    "branching": _branch,
    "setup": lambda task: iter([(task.place, task.kind)] if task.kind in {"setup", "teardown"} else []),
    "variables": lambda task: ((task.place, name) for name in task.uses.variables),
    "connections": lambda task: ((task.place, name) for name in task.uses.connections),
    "assets": lambda task: ((task.place, name) for name in (*task.outlets, *task.inlets)),
    "custom": _custom,
    "emails": _emails,
    "parameters": _parameters,
    "variable_state": lambda task: ((task.place, name) for name in task.uses.variables_set),
    "sub_dags": lambda task: iter([(task.place, task.id)] if is_subdag(task) else []),
}
_DAGS: dict[str, Callable[[Dag], Iterator[Found]]] = {
    **{name: _by_setting(settings) for name, settings in _OF_DAGS.items()},
    "catchup": _catchup,
    "timetable": _timetable,
    "time_zone": _time_zone,
    "variable_state": lambda dag: _uses(dag)("variables_set"),
    "callbacks": lambda dag: ((dag.place, name) for name in dag.settings if name.startswith("on_")),
    "xcom": lambda dag: ((dag.place, f"{use['how']} {use['detail']}") for use in dag.uses.xcom),
    "variables": lambda dag: _uses(dag)("variables"),
    "connections": lambda dag: _uses(dag)("connections"),
    "assets": lambda dag: ((dag.place, name) for name in dag.schedule["assets"]),
}
