"""The chain of runs that serves one request: the runs' tags, and the states of their steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.model import Status
from counterpoint_dagster.groups import steps_of_groups
from counterpoint_dagster.keys import BACKFILL, FIRST, FOLLOWS, REQUEST

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import dagster as dg

    from counterpoint.model import Pipeline, RunRequest
    from counterpoint_dagster.binding import Binding


def tags_of(request: RunRequest) -> dict[str, str]:
    """The tags that mark a run as part of a request."""
    return {REQUEST: request.to_json(), FOLLOWS: request.run_id}


def tags_after(request: RunRequest, first: dg.DagsterRun) -> dict[str, str]:
    """The tags of a follow-up run."""
    inherited = {name: value for name, value in first.tags.items() if name in {FOLLOWS, BACKFILL}}
    return {**inherited, REQUEST: request.to_json(), FIRST: first.run_id}


def is_of(pipeline: Pipeline, binding: Binding, run: dg.DagsterRun) -> bool:
    """Whether a run selects assets of a pipeline; runs of a person or a backfill belong to Dagster's own job."""
    chosen = set(run.asset_selection or ())
    return bool(chosen & set(binding.keys(pipeline.step_names))) if chosen else run.job_name == pipeline.name


def states_of(
    stats: Iterable[Any], pipeline: Pipeline, request: RunRequest, ops: Mapping[str, str] | None = None
) -> dict[str, Status]:
    """The states of the steps of finished runs; a step whose process was killed has no end, and counts as failed.

    A step that Dagster skipped has no state here: core decides what becomes of it.

    Args:
        stats: Dagster's statistics of the ops.
        pipeline: Whose steps are looked for.
        request: The request of the runs.
        ops: The steps by the names of their ops; None: both have the same names.
    """
    stats = list(stats)
    names = dict(zip(pipeline.step_names, pipeline.step_names, strict=True)) if ops is None else ops
    known = {names[s.step_key]: (s, getattr(s.status, "value", s.status)) for s in stats if s.step_key in names}
    status = {True: Status.SUCCESS, False: Status.SKIPPED}
    succeeded = {n: status[bool(s.materialization_events)] for n, (s, word) in known.items() if word == "SUCCESS"}
    failed = {n: Status.FAILED for n, (s, w) in known.items() if w not in {"SUCCESS", "SKIPPED"} and s.start_time}
    groups = {name: step.status for name, step in steps_of_groups(pipeline, request, stats).items()}
    return succeeded | failed | groups


def chain_states(
    instance: dg.DagsterInstance, pipeline: Pipeline, binding: Binding, first: dg.DagsterRun
) -> dict[str, Status]:
    """The states of the steps of a run and its follow-up runs."""
    import dagster as dg

    runs = [first, *reversed(instance.get_runs(dg.RunsFilter(tags={FIRST: first.run_id})))]
    stats, ops = [instance.get_run_step_stats(run.run_id) for run in runs], binding.ops(pipeline)
    request = binding.request_of(first)
    return {name: state for steps in stats for name, state in states_of(steps, pipeline, request, ops).items()}


def is_dead(states: Mapping[str, Status], *, failed: bool) -> bool:
    """Whether a run was killed between its steps, or cancelled: the run failed, and none of its steps did."""
    return failed and Status.FAILED not in states.values()
