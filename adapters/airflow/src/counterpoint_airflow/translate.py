"""Translates a pipeline to an Airflow DAG of TaskFlow tasks, and back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, task
from airflow.sdk.bases.decorator import task_decorator_factory

from counterpoint.model import TriggerRule, grouped, groups_of, hidden, order, task_of
from counterpoint.model.render import as_text
from counterpoint.model.serial import pipeline_from, public_values, step_from, to_values
from counterpoint.redaction import is_sealed
from counterpoint.runtime.external import check_external, sources_of
from counterpoint.runtime.registry import name_of
from counterpoint.terminal import markdown_block
from counterpoint_airflow.conditions import rule_of
from counterpoint_airflow.deadlines import deadline
from counterpoint_airflow.keys import ELEMENTS, GATES, METADATA_KEY, WATCHER
from counterpoint_airflow.partitions import partitions_of, schedule_of, timetable
from counterpoint_airflow.pods import executor_config, with_pod
from counterpoint_airflow.policies import retries, retry_of, timeout, timeout_of
from counterpoint_airflow.step import count_elements, execute_step, tell_failure
from counterpoint_airflow.waits import StepOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from counterpoint.model import Pipeline, Step, Wait

DEFAULT_POOL, DEFAULT_OWNER = "default_pool", "airflow"


def translate(pipeline: Pipeline, *, served: str | None = None, scheduled: bool = True) -> DAG:
    """The DAG of a pipeline.

    A paused DAG does not start triggered runs. A DAG that must not run by itself therefore has a timetable without a
    cron; it has no deadline, because only scheduled runs have one.

    Args:
        pipeline: The pipeline.
        served: The name or address by which the tasks find the pipeline; None: its own name.
        scheduled: Whether the DAG runs by the pipeline's schedule.

    Raises:
        UsageError: An input from another pipeline cannot be read.
    """
    check_external(pipeline)
    with DAG(
        dag_id=pipeline.name,
        description=pipeline.description or None,
        schedule=timetable(pipeline, scheduled=scheduled),
        start_date=pipeline.partitions.partition(pipeline.partitions.start).start,
        catchup=False,
        max_active_runs=16,
        deadline=deadline(pipeline) if scheduled else None,
        # a secret is neither shown on a page nor read from it
        params={name: value for name, value in public_values(pipeline)["config"].items() if not is_sealed(value)},
        doc_md=markdown_block(as_text(pipeline).rstrip("\n")),
        tags={"counterpoint", *(f"{key}:{value}" for key, value in pipeline.tags.items())},
        user_defined_macros={METADATA_KEY: json.dumps(public_values(pipeline))},
    ) as dag:
        tasks: dict[str, Any] = {}
        native = grouped(pipeline)
        for name in order(native):
            tasks[name] = _task(pipeline, native.step(name), tasks, served or pipeline.name)
        if unseen := hidden(native):
            # Airflow judges a run by its last tasks alone: this task fails with any failure that they do not show. It
            # is empty, so no worker ever starts it
            fail_with([tasks[name] for name in unseen])
    return dag


def fail_with(tasks: Sequence[Any]) -> None:
    """Lets the run fail when one of some tasks has failed: Airflow judges a run by its last tasks alone."""
    watcher = EmptyOperator(task_id=WATCHER, trigger_rule="none_failed", doc_md="Fails when a step has failed.")
    watcher.set_upstream(list(tasks))


def _task(pipeline: Pipeline, step: Step, tasks: dict[str, Any], served: str) -> Any:
    arguments = {"served": served, "step_name": step.name, "upstream": {name: tasks[name] for name in step.upstream}}
    described = [to_values(member) for member in members_of(pipeline, step)]
    text = json.dumps(described if step.name in groups_of(pipeline) else described[0])
    native = {**native_of(pipeline, step), "doc_json": text}
    return step_task(arguments, native, mapped=step.map_over is not None)


def native_of(pipeline: Pipeline, step: Step) -> dict[str, Any]:
    """The arguments of the task of a step, or of a group, in Airflow's own terms, but for its edges."""
    return {
        "inlets": [asset_of(other, other.step(str(wait.step))) for wait, other in sources_of(pipeline, step)],
        "outlets": [asset_of(pipeline, member) for member in members_of(pipeline, step)],
        "pool": step.pool or DEFAULT_POOL,
        "owner": step.owner or DEFAULT_OWNER,
        "executor_config": executor_config(step),
        "trigger_rule": step.trigger_rule.value,
        "execution_timeout": timeout(step),
        **retries(step),
        "doc_md": step.description or None,
    }


def step_task(arguments: Mapping[str, Any], native: Mapping[str, Any], *, mapped: bool) -> Any:
    """The task of a step in the DAG that is being made; of a mapped one, the task of each element.

    Args:
        arguments: What `execute_step` is called with, `step_name` and `upstream` (by step, their tasks) among them.
        native: As from `native_of`.
        mapped: Whether the step is executed once for each element of a list.
    """
    name, upstream = arguments["step_name"], arguments["upstream"]
    gates = _gates(name, upstream) if native.get("trigger_rule") == TriggerRule.ONE_SUCCESS else []
    if gates:
        native, arguments = {**native, "trigger_rule": TriggerRule.ALL_SUCCESS.value}, {**arguments, "upstream": {}}
    common = {"multiple_outputs": False, "on_failure_callback": tell_failure}
    decorated = task_decorator_factory(decorated_operator_class=StepOperator, task_id=name, **common, **native)
    body = decorated(execute_step)
    if not mapped:
        executed = body(**arguments)
        executed.operator.set_upstream(gates)
        return executed
    rule = native.get("trigger_rule", TriggerRule.ALL_SUCCESS.value)
    count = task(task_id=f"{name}{ELEMENTS}", retries=0, trigger_rule=rule, **common)(count_elements)
    indices = count(**arguments)
    indices.operator.set_upstream(gates)
    return body.partial(**arguments).expand(index=indices)


def _gates(step: str, upstream: Mapping[str, Any]) -> list[EmptyOperator]:
    """Two tasks that no worker starts, after both of which a step begins that one upstream step is enough for.

    By Airflow's own rule it would begin at the first success, and what it reads of the others would depend on chance.
    """
    if not upstream:
        return []
    gates = [EmptyOperator(task_id=f"{step}{suffix}", trigger_rule=rule) for suffix, rule in GATES.items()]
    for gate in gates:
        gate.set_upstream(list(upstream.values()))
    return gates


def members_of(pipeline: Pipeline, step: Step) -> list[Step]:
    """The steps that the task of a step of the grouped pipeline executes: the step, or those of a group."""
    return [pipeline.step(name) for name in groups_of(pipeline).get(step.name, (step.name,))]


def asset_of(pipeline: Pipeline, step: Step) -> Asset:
    """The asset of a task, with the step's public name."""
    return Asset(name=step.name, uri=f"counterpoint://{pipeline.name}/{step.name}", group=pipeline.name)


def _uri(wait: Wait) -> str:
    return f"counterpoint://{name_of(wait.target)}/{wait.step}"


def read_back(native: DAG) -> Pipeline:
    """The pipeline that a DAG describes, read from native properties wherever Airflow has them."""
    tasks = {name: native.get_task(name) for name in native.task_ids if not name.endswith((ELEMENTS, WATCHER, *GATES))}
    stored = pipeline_from(json.loads(native.user_defined_macros[METADATA_KEY]))
    by_step = {step.name: task_of(step) for step in stored.steps}
    alert = native.deadline[0] if isinstance(native.deadline, list) and native.deadline else native.deadline
    return replace(
        stored,
        name=native.dag_id,
        description=native.description or "",
        partitions=partitions_of(native, stored.partitions),
        schedule=schedule_of(native.timetable),
        config={**{name: value for name, value in stored.config.items() if is_sealed(value)}, **native.params.dump()},
        deadline=alert.interval if alert else None,
        tags=dict(sorted(tag.split(":", 1) for tag in native.tags if ":" in tag)),
        steps=tuple(_step(tasks[task], native, name, by_step) for name, task in by_step.items() if task in tasks),
    )


def _step(native: Any, dag: DAG, name: str, tasks: Mapping[str, str]) -> Step:
    """The step of a task, or one of a group; an edge that is missing in the DAG is missing in the step too.

    Args:
        native: The task.
        dag: Its DAG.
        name: The step.
        tasks: The task of each step.
    """
    operator = getattr(native, "partial_kwargs", None)
    stored = _stored(operator["doc_json"] if operator else native.doc_json, name)
    above, rule = {task.removesuffix(ELEMENTS) for task in native.upstream_task_ids}, rule_of(native.trigger_rule)
    if operator:
        above = (above - {stored.name}) | dag.get_task(f"{stored.name}{ELEMENTS}").upstream_task_ids
    inlets = {asset.uri for asset in (operator or {}).get("inlets", ()) or getattr(native, "inlets", ())}
    if gates := [task for task in above if task.endswith(tuple(GATES))]:
        above, rule = dag.get_task(gates[0]).upstream_task_ids, TriggerRule.ONE_SUCCESS
    before = {step for step, task in tasks.items() if task in above or task == stored.group == native.task_id}
    step = replace(
        with_pod(stored, native.executor_config),
        owner=None if native.owner == DEFAULT_OWNER else native.owner,
        inputs=tuple(i for i in stored.inputs if i.step in before or (i.window and i.window.last < 0)),
        after=tuple(other for other in stored.after if other in before),
        when=stored.when if stored.when and stored.when.step in before else None,
        pool=None if native.pool == DEFAULT_POOL else native.pool,
        trigger_rule=rule,
    )
    if stored.group:
        return replace(step, group=native.task_id)
    return replace(
        step,
        name=native.task_id,
        retry=retry_of(native, stored.retry),
        timeout=timeout_of(native),
        map_over=stored.map_over if operator else None,
        waits=tuple(wait for wait in stored.waits if not wait.parameter or _uri(wait) in inlets),
        description=(operator["doc_md"] if operator else native.doc_md) or "",
    )


def _stored(text: str, name: str) -> Step:
    """The step that the text of a task describes, or the one of that name in the text of a group."""
    described = json.loads(text)
    if isinstance(described, list):
        described = next(values for values in described if values["name"] == name)
    return step_from(described)
