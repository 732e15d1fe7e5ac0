"""The DAG file of a pipeline, as a person would write it: one task a step, in Airflow's own terms."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import islice, pairwise
from keyword import iskeyword
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import airflow.sdk
from airflow.sdk import Asset
from croniter import croniter

from counterpoint.build.rendering import commented
from counterpoint.build.source import Call, Code, call, imported, statement
from counterpoint.model import grouped, hidden, order
from counterpoint.model.containers import container_of
from counterpoint.model.serial import public_values
from counterpoint.redaction import is_sealed
from counterpoint_airflow.policies import CoreRetryPolicy
from counterpoint_airflow.translate import DEFAULT_OWNER, DEFAULT_POOL, native_of

if TYPE_CHECKING:
    from counterpoint.build.order import Build
    from counterpoint.model import Partitions, Pipeline, Schedule, Step

# how many ticks are looked at to see whether a schedule ticks once in each partition
_TICKS = 800
# what the file imports: of the standard library, then of others
_IMPORTED: list[dict[str, set[str]]] = [
    {"datetime": {"UTC", "datetime", "timedelta"}},
    {
        "airflow.sdk": {"DAG", "Asset", "CronPartitionTimetable", "CronTriggerTimetable"},
        "counterpoint_airflow.generated": {"CoreRetryPolicy", "RetryPolicy", "Steps", "fail_with", "pod"},
    },
]
# the names of the file itself, which no task may have
_USED = {
    "dag",
    "UTC",
    "datetime",
    "timedelta",
    "steps",
    "CONFIGURATION",
    "DAG",
    "Asset",
    "CoreRetryPolicy",
    "Steps",
    "fail_with",
}
_PARTITIONED = "CronPartitionTimetable"
# what a task has when its file does not say so
_DEFAULTS: dict[str, Any] = {
    "pool": DEFAULT_POOL,
    "owner": DEFAULT_OWNER,
    "inlets": [],
    "executor_config": {},
    "trigger_rule": "all_success",
    "execution_timeout": None,
    "doc_md": None,
    "retries": 0,
}


def dag_file(build: Build) -> str:
    """The text of the file."""
    pipeline = build.pipeline
    schedule = _schedule(pipeline)
    with_dag = call("DAG", **_arguments(pipeline, schedule))
    lines = [
        *commented(build.header),
        "",
        statement("CONFIGURATION = ", asdict(build.configuration)),
        "",
        statement("steps = ", call("Steps", build.reference, Code("CONFIGURATION"), structure=build.structure)),
        "",
        statement("with ", with_dag, " as dag:"),
    ]
    tasks = grouped(pipeline)
    lines += [_task(pipeline, tasks.step(name)) for name in order(tasks)]
    if unseen := hidden(tasks):
        lines.append("    # Airflow judges a run by its last tasks alone")
        lines.append(statement("", call("fail_with", [Code(_variable(name)) for name in unseen]), indent=4))
    body = "\n".join(lines)
    header, _, rest = body.partition("\n\n")
    about = "# What every run is given; of a secret, the place of its value."
    return f"{header}\n{_imports(rest)}\n\n{about}\n{rest.strip()}\n"


def _imports(body: str) -> str:
    """The imports of what a file uses."""
    used = set(re.findall(r"(?<![\w.\"])[A-Za-z_]+\b", body))
    groups = [
        [imported(module, names & used) for module, names in group.items() if names & used] for group in _IMPORTED
    ]
    return "\n\n".join("\n".join(lines) for lines in groups if lines)


def _arguments(pipeline: Pipeline, schedule: Any) -> dict[str, Any]:
    start = pipeline.partitions.partition(pipeline.partitions.start).start.astimezone(UTC)
    settings = {n: value for n, value in public_values(pipeline)["config"].items() if not is_sealed(value)}
    arguments: dict[str, Any] = {
        "dag_id": pipeline.name,
        "description": pipeline.description or None,
        "schedule": schedule,
        "start_date": start,
        "catchup": False,
        "max_active_runs": 16,
        "deadline": call("steps.deadline", pipeline.deadline) if pipeline.deadline and pipeline.schedule else None,
        "params": settings,
        "tags": ["counterpoint", *(f"{key}:{value}" for key, value in sorted(pipeline.tags.items()))],
    }
    return {name: value for name, value in arguments.items() if name == "schedule" or value not in (None, {})}


def _schedule(pipeline: Pipeline) -> Call | None:
    """A built-in timetable: with partition keys where Airflow has them and each tick is of the partition before it."""
    if pipeline.schedule is None:
        return None
    cron, zone = pipeline.schedule.cron, pipeline.schedule.timezone
    form = pipeline.partitions.form
    if hasattr(airflow.sdk, _PARTITIONED) and _ticks_once(pipeline.partitions, pipeline.schedule):
        return call(_PARTITIONED, cron, timezone=zone, run_offset=-1, key_format=form)
    return call("CronTriggerTimetable", cron, timezone=zone)


def _ticks_once(partitions: Partitions, schedule: Schedule) -> bool:
    """Whether the tick before each tick lies in the partition that the later one is of."""
    start = partitions.partition(partitions.shift(partitions.start, 1)).end
    local = start.astimezone(ZoneInfo(schedule.timezone))
    ticks = list(islice(croniter(schedule.cron, local).all_next(datetime), _TICKS))
    pairs = pairwise(ticks)
    return all(
        before.strftime(partitions.form) == partitions.shift(partitions.key_of(tick), -1) for before, tick in pairs
    )


def _task(pipeline: Pipeline, step: Step) -> str:
    native = native_of(pipeline, step)
    stated = {
        name: _native(value) for name, value in native.items() if name not in _DEFAULTS or value != _DEFAULTS[name]
    }
    if "executor_config" in stated:
        stated["executor_config"] = call("pod", **container_of(step))
    upstream = {name: Code(_variable(name)) for name in step.upstream}
    edges: dict[str, Any] = {"upstream": upstream} if upstream else {}
    edges |= {"mapped": True} if step.map_over is not None else {}
    return statement(f"{_variable(step.name)} = ", call("steps.task", step.name, **edges, **stated), indent=4)


def _native(value: Any) -> Any:
    """An argument of a task as source."""
    if isinstance(value, list):
        return [_native(item) for item in value]
    if isinstance(value, Asset):
        return call("Asset", value.name, uri=value.uri, group=value.group)
    if isinstance(value, CoreRetryPolicy):
        retry = value.retry
        return call(
            "CoreRetryPolicy",
            call(
                "RetryPolicy", retries=retry.retries, delay=retry.delay, max_delay=retry.max_delay, jitter=retry.jitter
            ),
        )
    return value


def _variable(step: str) -> str:
    """The name of a step's task in the file, which must not be one that the file uses itself."""
    return f"{step}_" if step in _USED or iskeyword(step) else step
