"""Translates a pipeline to an Airflow DAG of TaskFlow tasks, and back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, task
from airflow.sdk.bases.decorator import task_decorator_factory

from counterpoint.model import TriggerRule, hidden, order
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
        for name in order(pipeline):
            tasks[name] = _task(pipeline, pipeline.step(name), tasks, served or pipeline.name)
        if unseen := hidden(pipeline):
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
    native = {**native_of(pipeline, step), "doc_json": json.dumps(to_values(step))}
    return step_task(arguments, native, mapped=step.map_over is not None)


def native_of(pipeline: Pipeline, step: Step) -> dict[str, Any]:
    """The arguments of a step's task in Airflow's own terms, but for its edges."""
    return {
        "inlets": [asset_of(other, other.step(str(wait.step))) for wait, other in sources_of(pipeline, step)],
        "outlets": [asset_of(pipeline, step)],
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


def asset_of(pipeline: Pipeline, step: Step) -> Asset:
    """The asset of a task, with the step's public name."""
    return Asset(name=step.name, uri=f"counterpoint://{pipeline.name}/{step.name}", group=pipeline.name)


def _uri(wait: Wait) -> str:
    return f"counterpoint://{name_of(wait.target)}/{wait.step}"


def read_back(native: DAG) -> Pipeline:
    """The pipeline that a DAG describes, read from native properties wherever Airflow has them."""
    tasks = {name: native.get_task(name) for name in native.task_ids if not name.endswith((ELEMENTS, WATCHER, *GATES))}
    stored = pipeline_from(json.loads(native.user_defined_macros[METADATA_KEY]))
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
        steps=tuple(_step(tasks[name], native) for name in stored.step_names if name in tasks),
    )


def _step(native: Any, dag: DAG) -> Step:
    """The step of a task; an edge that is missing in the DAG is missing in the step too."""
    operator = getattr(native, "partial_kwargs", None)
    stored = step_from(json.loads(operator["doc_json"] if operator else native.doc_json))
    above, rule = {name.removesuffix(ELEMENTS) for name in native.upstream_task_ids}, rule_of(native.trigger_rule)
    if operator:
        above = (above - {stored.name}) | dag.get_task(f"{stored.name}{ELEMENTS}").upstream_task_ids
    inlets = {asset.uri for asset in (operator or {}).get("inlets", ()) or getattr(native, "inlets", ())}
    if gates := [name for name in above if name.endswith(tuple(GATES))]:
        above, rule = dag.get_task(gates[0]).upstream_task_ids, TriggerRule.ONE_SUCCESS
    return replace(
        with_pod(stored, native.executor_config),
        name=native.task_id,
        owner=None if native.owner == DEFAULT_OWNER else native.owner,
        inputs=tuple(i for i in stored.inputs if i.step in above or (i.window and i.window.last < 0)),
        after=tuple(name for name in stored.after if name in above),
        when=stored.when if stored.when and stored.when.step in above else None,
        retry=retry_of(native, stored.retry),
        timeout=timeout_of(native),
        pool=None if native.pool == DEFAULT_POOL else native.pool,
        trigger_rule=rule,
        map_over=stored.map_over if operator else None,
        waits=tuple(wait for wait in stored.waits if not wait.parameter or _uri(wait) in inlets),
        description=(operator["doc_md"] if operator else native.doc_md) or "",
    )
