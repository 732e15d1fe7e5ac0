"""Steps that a trigger rule lets run although Dagster skipped them: a follow-up run materializes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg

from counterpoint.model import TriggerRule
from counterpoint.runtime.waits import polls_of
from counterpoint_dagster.keys import FIRST
from counterpoint_dagster.runs import chain_states, is_dead, is_of, tags_after
from counterpoint_dagster.waits import ended, sensors, to_follow

if TYPE_CHECKING:
    from counterpoint.model import Pipeline
    from counterpoint_dagster.binding import Binding

_ENDED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE)


def follows(pipeline: Pipeline) -> bool:
    """Whether a pipeline has sensors that launch follow-up runs."""
    return _by_rules(pipeline) or bool(polls_of(pipeline))


def _by_rules(pipeline: Pipeline) -> bool:
    return any(step.trigger_rule is not TriggerRule.ALL_SUCCESS for step in pipeline.steps)


def following(pipeline: Pipeline, binding: Binding, job: Any) -> list[dg.SensorDefinition]:
    """The sensors that launch follow-up runs, also after a failed run, and the steps whose wait is over."""
    by_rules = [_sensor(pipeline, binding, job, status) for status in _ENDED] if _by_rules(pipeline) else []
    return [*by_rules, *sensors(pipeline, binding, job)]


def _sensor(pipeline: Pipeline, binding: Binding, job: Any, status: dg.DagsterRunStatus) -> dg.SensorDefinition:
    @dg.run_status_sensor(
        run_status=status,
        name=f"{pipeline.name}_after_{status.value.lower()}",
        request_job=job,
        minimum_interval_seconds=2,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Runs the steps whose trigger rule lets them run after a failed or skipped step.",
    )
    def follow(context: dg.RunStatusSensorContext) -> dg.RunRequest | dg.SkipReason:
        run = context.dagster_run
        if not is_of(pipeline, binding, run):
            return dg.SkipReason("the run holds no step of this pipeline")
        first = context.instance.get_run_by_id(run.tags.get(FIRST, run.run_id)) or run
        request = binding.request_of(first)
        states = ended(request, chain_states(context.instance, pipeline, binding, first))
        steps = to_follow(pipeline, request, states)
        if not steps or is_dead(states, failed=run.is_failure):
            return dg.SkipReason("no step is left to run")
        return dg.RunRequest(
            run_key=f"{run.run_id}-follow",
            partition_key=request.partition,
            asset_selection=binding.keys(steps),
            tags=tags_after(request, first),
        )

    return follow
