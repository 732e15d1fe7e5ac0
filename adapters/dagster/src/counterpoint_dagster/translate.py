"""Translates a pipeline to Dagster assets, a job, a schedule and sensors, and back."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import dagster as dg

from counterpoint.model import Schedule, WindowPolicy, code_of, groups_of
from counterpoint.model.containers import container_of, with_container
from counterpoint.model.serial import pipeline_from, public_values, step_from, to_values
from counterpoint.runtime.external import check_external, sources_of
from counterpoint.runtime.registry import name_of
from counterpoint.runtime.structure import structure_of
from counterpoint.service_environment import SCHEDULES, tags_of_target
from counterpoint_dagster.binding import Binding
from counterpoint_dagster.conditions import following
from counterpoint_dagster.group_step import group_body
from counterpoint_dagster.groups import group_in, op_of
from counterpoint_dagster.keys import CHECK, KUBERNETES, METADATA_KEY, STRUCTURE
from counterpoint_dagster.partitions import (
    external_mapping,
    mapping,
    offsets_of,
    partitions_def,
    partitions_of,
    window_offsets,
)
from counterpoint_dagster.policies import execution, executor, retry_of, retry_policy
from counterpoint_dagster.step import CatalogueIOManager, body

if TYPE_CHECKING:
    from collections.abc import Iterable

    from counterpoint.model import Pipeline, Step, Wait

# Dagster keeps kinds among the tags of an asset
_OWN_TAGS = "dagster/"
_ALL = dg.AllPartitionMapping()


def translate(pipeline: Pipeline, served: str | None = None) -> dg.Definitions:
    """The definitions of a pipeline, which its runs find as `served` (None: by its own name)."""
    return definitions(pipeline, Binding(served or pipeline.name))


def definitions(pipeline: Pipeline, binding: Binding) -> dg.Definitions:
    """The definitions of a pipeline; where the binding has a configuration, those of a team's own installation.

    Raises:
        UsageError: An input from another pipeline cannot be read.
    """
    check_external(pipeline)
    groups = groups_of(pipeline)
    assets = [_asset(pipeline, step, binding) for step in pipeline.steps if step.group is None]
    assets += [group_asset(pipeline, group, binding) for group in groups]
    job = dg.define_asset_job(
        **job_of(pipeline),
        selection=dg.AssetSelection.assets(*assets),
        partitions_def=partitions_def(pipeline.partitions),
        metadata={METADATA_KEY: dg.JsonMetadataValue(public_values(pipeline)), STRUCTURE: structure_of(pipeline)},
        **(_served(pipeline) if binding.configuration is None else {"executor_def": executor(pipeline)}),
    )
    return dg.Definitions(
        assets=assets,
        jobs=[job],
        schedules=[_schedule(pipeline, job)] if pipeline.schedule else [],
        sensors=following(pipeline, binding, job),
        resources={references_key(pipeline): references(binding)},
    )


def _served(pipeline: Pipeline) -> dict[str, Any]:
    """The arguments of a job that Counterpoint's services run."""
    return {
        "executor_def": dg.multi_or_in_process_executor,
        "config": execution(pipeline, pipeline.step_names),
        "run_tags": tags_of_target(),
    }


def job_of(pipeline: Pipeline) -> dict[str, Any]:
    """The arguments of a pipeline's job in Dagster's own terms, but for its assets and what executes them."""
    return {"name": pipeline.name, "description": pipeline.description, "tags": dict(pipeline.tags)}


def references_key(pipeline: Pipeline) -> str:
    """The key of the resource that passes references of outputs on."""
    return f"{pipeline.name}_references"


def references(binding: Binding) -> CatalogueIOManager:
    """The resource that passes references of outputs on."""
    configuration = binding.configuration.to_json() if binding.configuration else None
    return CatalogueIOManager(pipeline=binding.served, configuration=configuration)


def _asset(pipeline: Pipeline, step: Step, binding: Binding) -> dg.AssetsDefinition:
    metadata = {METADATA_KEY: dg.JsonMetadataValue(to_values(step))}
    decorated = dg.asset(**native_of(pipeline, step, binding), metadata=metadata)
    return decorated(body(binding, step, loaded(pipeline, step)))


def loaded(pipeline: Pipeline, step: Step) -> list[str]:
    """The steps whose references Dagster gives to a step; core finds those of other partitions and of groups."""
    names = {i.step for i in step.inputs if i.window is None} | ({step.when.step} if step.when else set())
    return sorted(name for name in names if pipeline.step(name).group is None)


def native_of(pipeline: Pipeline, step: Step, binding: Binding) -> dict[str, Any]:
    """The arguments of a step's asset in Dagster's own terms."""
    inputs, spec = loaded(pipeline, step), spec_of(pipeline, step, binding)
    keys = {name: binding.key(name) for name in inputs}
    given = {dep.asset_key: dep.partition_mapping for dep in spec["deps"]}
    return {
        **spec,
        "ins": {name: dg.AssetIn(key=key, partition_mapping=given[key]) for name, key in keys.items()},
        "deps": [dep for dep in spec["deps"] if dep.asset_key not in keys.values()],
        "io_manager_key": references_key(pipeline),
        "retry_policy": retry_policy(step.retry),
        "pool": step.pool,
        "check_specs": _checks([step], binding),
        "output_required": False,
        "op_tags": _op_tags(step),
    }


def spec_of(pipeline: Pipeline, step: Step, binding: Binding) -> dict[str, Any]:
    """What Dagster knows of the asset of a step, whatever executes it."""
    around = dict.fromkeys([*(i.step for i in step.inputs), *step.upstream])
    shrinks = pipeline.partitions.incomplete is WindowPolicy.SHRINK
    offsets = {name: mapping(*window_offsets(step, name), shrinks=shrinks) for name in around}
    return {
        "key": binding.key(step.name),
        "deps": [
            *(dg.AssetDep(binding.key(name), partition_mapping=offsets[name]) for name in around),
            *external_deps(pipeline, step, binding),
        ],
        "partitions_def": partitions_def(pipeline.partitions) if step.output.partitioned else None,
        "freshness_policy": dg.FreshnessPolicy.time_window(step.freshness) if step.freshness else None,
        "code_version": code_version(step),
        "group_name": pipeline.name,
        "kinds": {"python", step.output.kind.value},
        "owners": [step.owner] if step.owner else None,
        "tags": dict(step.tags),
        "description": step.description or None,
    }


def _checks(steps: Iterable[Step], binding: Binding) -> list[dg.AssetCheckSpec]:
    return [dg.AssetCheckSpec(CHECK, asset=binding.key(step.name)) for step in steps if step.output.contract]


def _op_tags(step: Step) -> dict[str, Any] | None:
    return {KUBERNETES: {"container_config": container}} if (container := container_of(step)) else None


def group_of(pipeline: Pipeline, group: str, binding: Binding) -> dict[str, Any]:
    """The arguments of the assets of a group in Dagster's own terms, but for their specifications: one op makes all."""
    members = [pipeline.step(name) for name in groups_of(pipeline)[group]]
    return {
        "name": op_of(pipeline, group),
        "can_subset": True,
        "pool": members[0].pool,
        "check_specs": _checks(members, binding),
        "op_tags": _op_tags(members[0]),
    }


def group_asset(pipeline: Pipeline, group: str, binding: Binding) -> dg.AssetsDefinition:
    """The assets of a group."""
    members = [pipeline.step(name) for name in groups_of(pipeline)[group]]
    specs = [
        dg.AssetSpec(
            **spec_of(pipeline, member, binding),
            metadata={METADATA_KEY: dg.JsonMetadataValue(to_values(member))},
            skippable=True,
        )
        for member in members
    ]
    decorated = dg.multi_asset(**group_of(pipeline, group, binding), specs=specs)
    return decorated(group_body(binding, group))


def external_deps(pipeline: Pipeline, step: Step, binding: Binding) -> list[dg.AssetDep]:
    """The dependencies on assets of other pipelines, each asset once; it may be of this code location or of another."""
    mappings: dict[dg.AssetKey, dg.PartitionMapping] = {}
    for wait, other in sources_of(pipeline, step):
        key = binding.external_key(pipeline, other.name, str(wait.step))
        partition_mapping = external_mapping(wait, pipeline.partitions, other.partitions)
        # one asset can be depended on in one way only
        mappings[key] = partition_mapping if mappings.get(key, partition_mapping) == partition_mapping else _ALL
    return [dg.AssetDep(key, partition_mapping=mapping) for key, mapping in mappings.items()]


def code_version(step: Step) -> str:
    """The version of a step's code, as Dagster shows it."""
    return code_of(step)[7:19]


def newest(pipeline: Pipeline, context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """What a tick of the schedule requests: a run of the newest partition that had ended by then."""
    partitions = pipeline.partitions
    key = partitions.shift(partitions.key_of(context.scheduled_execution_time), -1)
    ended = key >= partitions.start
    return dg.RunRequest(run_key=key, partition_key=key) if ended else dg.SkipReason("no partition has ended yet")


def schedule_of(pipeline: Pipeline) -> dict[str, Any]:
    """The arguments of a pipeline's schedule in Dagster's own terms, but for its job; empty without a schedule."""
    if pipeline.schedule is None:
        return {}
    return {
        "name": f"{pipeline.name}_schedule",
        "cron_schedule": pipeline.schedule.cron,
        "execution_timezone": pipeline.schedule.timezone,
    }


def _schedule(pipeline: Pipeline, job: Any) -> dg.ScheduleDefinition:
    def tick(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        return newest(pipeline, context)

    return dg.ScheduleDefinition(
        **schedule_of(pipeline),
        job=job,
        execution_fn=tick,
        default_status=dg.DefaultScheduleStatus("RUNNING" if os.environ.get(SCHEDULES) else "STOPPED"),
    )


def read_back(native: dg.Definitions) -> Pipeline:
    """The pipeline that definitions describe, read from native properties wherever Dagster has them."""
    job = next(iter(native.jobs or ()))
    stored = pipeline_from(job.metadata[METADATA_KEY].value)
    assets = {
        key.path[-1]: (asset, key)
        for asset in native.assets or ()
        if isinstance(asset, dg.AssetsDefinition)
        for key in asset.keys
    }
    steps = tuple(_step(job.name, *assets[name]) for name in stored.step_names if name in assets)
    scheduled = next(iter(native.schedules or ()), None)
    return replace(
        stored,
        name=job.name,
        steps=steps,
        schedule=_schedule_of(scheduled) if isinstance(scheduled, dg.ScheduleDefinition) else None,
        partitions=replace(partitions_of(job.partitions_def), incomplete=stored.partitions.incomplete),
        description=job.description or "",
        tags=dict(job.tags or {}),
    )


def _schedule_of(native: dg.ScheduleDefinition) -> Schedule:
    return Schedule(str(native.cron_schedule), native.execution_timezone or "UTC")


def _step(pipeline: str, asset: dg.AssetsDefinition, key: dg.AssetKey) -> Step:
    """The step of an asset; an edge or window that is missing in the asset is missing in the step too."""
    stored = step_from(asset.metadata_by_key[key][METADATA_KEY].value)
    spec = asset.get_asset_spec(key)
    external = {wait: _external_paths(stored, key, wait) for wait in stored.external_inputs}
    theirs = {path for paths in external.values() for path in paths}
    paths = {tuple(dep.asset_key.path) for dep in spec.deps}
    native = {
        dep.asset_key.path[-1]: offsets_of(dep.partition_mapping)
        for dep in spec.deps
        if tuple(dep.asset_key.path) not in theirs
    }
    same = {name for name in native if native[name] == window_offsets(stored, name)}
    window = getattr(spec.freshness_policy, "fail_window", None)
    pod = asset.op.tags.get(KUBERNETES, {})
    pod = json.loads(pod) if isinstance(pod, str) else pod
    return replace(
        with_container(stored, pod.get("container_config", {})),
        owner=next(iter(spec.owners), None),
        tags={key: value for key, value in spec.tags.items() if not key.startswith(_OWN_TAGS)},
        name=key.path[-1],
        inputs=tuple(i for i in stored.inputs if i.step in same),
        after=tuple(name for name in stored.after if name in same),
        when=stored.when if stored.when and stored.when.step in same else None,
        retry=stored.retry if stored.group else retry_of(asset.op.retry_policy, stored.retry),
        pool=asset.op.pool,
        freshness=window.to_timedelta() if window else None,
        waits=tuple(wait for wait in stored.waits if wait not in external or paths & external[wait]),
        output=replace(stored.output, partitioned=spec.partitions_def is not None),
        description=spec.description or "",
        group=group_in(pipeline, asset.op.name) if stored.group else None,
    )


def _external_paths(step: Step, key: dg.AssetKey, wait: Wait) -> set[tuple[str, ...]]:
    """The paths that the key of an input's asset may have: below the other pipeline's name, or below nothing."""
    name, own = str(name_of(wait.target)), {*step.upstream, *(source.step for source in step.inputs)}
    prefix = key.path[:-1]
    paths = {(*prefix[:-1], name, str(wait.step))}
    return paths if prefix or wait.step in own else {*paths, (str(wait.step),)}
