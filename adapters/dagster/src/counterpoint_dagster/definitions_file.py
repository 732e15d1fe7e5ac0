"""The definitions of a pipeline, as a person would write them: one asset a step, in Dagster's own terms."""

from __future__ import annotations

from dataclasses import asdict
from keyword import iskeyword
from typing import TYPE_CHECKING, Any

from counterpoint.build.rendering import commented
from counterpoint.build.source import Code, call, statement
from counterpoint.model import TriggerRule, groups_of, order, task_of
from counterpoint_dagster.binding import Binding
from counterpoint_dagster.conditions import follows
from counterpoint_dagster.keys import STRUCTURE
from counterpoint_dagster.native_source import PARTITIONS, SAME_PARTITION, partitions_source, source_of
from counterpoint_dagster.partitions import partitions_def
from counterpoint_dagster.policies import executor
from counterpoint_dagster.translate import group_of, job_of, loaded, native_of, references_key, schedule_of, spec_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from counterpoint.build.order import Build
    from counterpoint.model import Pipeline, Step

_IMPORTS = "import dagster as dg\nfrom counterpoint_dagster.generated import Steps"
_TIMEDELTA = "timedelta"
# the names of the file itself, which no asset's function may have
_USED = {"CONFIGURATION", SAME_PARTITION, PARTITIONS, _TIMEDELTA, "context", "defs", "dg", "job", "schedule", "steps"}


def definitions_file(build: Build) -> str:
    """The text of the file."""
    pipeline, binding = build.pipeline, binding_of(build)
    steps = [pipeline.step(name) for name in order(pipeline)]
    functions = [_asset(pipeline, step, binding) for step in steps if step.group is None]
    functions += [_group(pipeline, group, binding) for group in groups_of(pipeline)]
    job = _job(pipeline, steps)
    body = [_head(build, binding, maps_same=any(SAME_PARTITION in text for text in functions)), *functions, job]
    body += [_schedule(pipeline)] if pipeline.schedule else []
    text = "\n\n\n".join([*body, _definitions(pipeline, steps)])
    has_freshness = any(step.freshness for step in steps)
    imports = f"from datetime import {_TIMEDELTA}\n\n{_IMPORTS}" if has_freshness else _IMPORTS
    header = "\n".join(commented(build.header))
    return f"{header}\n{imports}\n\n{text}\n"


def binding_of(build: Build) -> Binding:
    """What generated definitions give to their runs; their assets stand below the pipeline's name."""
    return Binding(build.reference, (build.pipeline.name,), build.configuration)


def _head(build: Build, binding: Binding, *, maps_same: bool) -> str:
    bound = call(
        "Steps", build.reference, Code("CONFIGURATION"), prefix=list(binding.prefix), structure=build.structure
    )
    lines = [
        "# What every run is given; of a secret, the place of its value.",
        statement("CONFIGURATION = ", asdict(build.configuration)),
        "",
        statement("steps = ", bound),
        statement(f"{PARTITIONS} = ", partitions_source(partitions_def(build.pipeline.partitions))),
        *([f"{SAME_PARTITION} = dg.IdentityPartitionMapping()"] if maps_same else []),
    ]
    return "\n".join(lines)


def _asset(pipeline: Pipeline, step: Step, binding: Binding) -> str:
    native = native_of(pipeline, step, binding)
    stated = {name: source_of(value) for name, value in native.items() if value not in (None, {}, [])}
    stated["code_version"] = call("steps.code_version", step.name)
    inputs = loaded(pipeline, step)
    parameters = [Code("context: dg.AssetExecutionContext"), *map(Code, inputs)]
    given = {name: Code(name) for name in inputs}
    lines = [
        *commented(_remarks(step)),
        statement("@", call("dg.asset", **stated)),
        statement("def ", call(_function(step.name), *parameters), ":"),
        statement("yield from ", call("steps.execute", step.name, Code("context"), **given), indent=4),
    ]
    return "\n".join(lines)


def _group(pipeline: Pipeline, group: str, binding: Binding) -> str:
    steps = [pipeline.step(name) for name in groups_of(pipeline)[group]]
    native = group_of(pipeline, group, binding)
    stated = {name: source_of(value) for name, value in native.items() if value not in (None, {}, [])}
    remarks = [f"{step.name}: {remark}" for step in steps for remark in _remarks(step)]
    lines = [
        *commented(["One op makes these assets, one after the other; each is retried by itself.", *remarks]),
        statement("@", call("dg.multi_asset", **stated, specs=[_spec(pipeline, step, binding) for step in steps])),
        statement("def ", call(_function(group), Code("context: dg.AssetExecutionContext")), ":"),
        statement("yield from ", call("steps.execute_group", group, Code("context")), indent=4),
    ]
    return "\n".join(lines)


def _spec(pipeline: Pipeline, step: Step, binding: Binding) -> Any:
    native = spec_of(pipeline, step, binding)
    stated = {name: source_of(value) for name, value in native.items() if value not in (None, {}, [])}
    return call("dg.AssetSpec", **{**stated, "code_version": call("steps.code_version", step.name)}, skippable=True)


def _remarks(step: Step) -> Iterator[str]:
    """What an asset does that Dagster has no argument for."""
    if step.timeout:
        yield f"Each attempt is ended after {step.timeout}."
    if step.retry.retries:
        yield f"No retry waits longer than {step.retry.max_delay}."
    if step.when:
        yield f"Skipped unless {step.when.step} chose {step.when.choice!r}."
    if step.trigger_rule is not TriggerRule.ALL_SUCCESS:
        yield f"Trigger rule {step.trigger_rule.value}: a sensor launches the asset when Dagster has skipped it."
    if step.map_over:
        yield f"Called once for each element of {step.map_over}."
    for wait in step.waits:
        address = f" (its address is in {wait.url_variable})" if wait.url_variable else ""
        yield f"Waits for {wait.of('{partition}')}{address}, at most {wait.timeout}; then a sensor launches the asset."


def _job(pipeline: Pipeline, steps: list[Step]) -> str:
    native = {**job_of(pipeline), "executor_def": executor(pipeline)}
    if not any(step.output.partitioned for step in steps):
        # otherwise Dagster infers them from the assets
        native["partitions_def"] = partitions_def(pipeline.partitions)
    assets = call("dg.AssetSelection.assets", *(Code(name) for name in _functions(steps)))
    stated = {name: source_of(value) for name, value in native.items() if value not in (None, "", {})}
    stated["metadata"] = {STRUCTURE: Code("steps.structure")}
    return statement("job = ", call("dg.define_asset_job", **stated, selection=assets))


def _schedule(pipeline: Pipeline) -> str:
    late = f"A run is late {pipeline.deadline} after its tick: `counterpoint watch` reports it, for Dagster cannot."
    lines = [
        *commented([late] if pipeline.deadline else []),
        statement("@", call("dg.schedule", **schedule_of(pipeline), job=Code("job"))),
        "def schedule(context: dg.ScheduleEvaluationContext):",
        "    return steps.newest(context)",
    ]
    return "\n".join(lines)


def _definitions(pipeline: Pipeline, steps: list[Step]) -> str:
    parts: dict[str, Any] = {"assets": [Code(name) for name in _functions(steps)], "jobs": [Code("job")]}
    parts |= {"schedules": [Code("schedule")]} if pipeline.schedule else {}
    parts |= {"sensors": call("steps.sensors", Code("job"))} if follows(pipeline) else {}
    parts["resources"] = {references_key(pipeline): call("steps.references")}
    return statement("defs = ", call("dg.Definitions", **parts))


def _functions(steps: Iterable[Step]) -> list[str]:
    """The names of the functions of steps, each once."""
    return list(dict.fromkeys(_function(task_of(step)) for step in steps))


def _function(step: str) -> str:
    """The name of a step's function in the file, which must not be one that the file uses itself."""
    return f"{step}_" if step in _USED or iskeyword(step) else step
