"""The names of the ops of groups, and how the steps of a group ended, from Dagster's statistics of its op."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.model import NativeStep, Status, groups_of
from counterpoint.runtime import iso
from counterpoint.runtime.groups import culprit, members_of, ungrouped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from counterpoint.model import Pipeline, RunRequest


def op_of(pipeline: Pipeline, group: str) -> str:
    """The name of the op of a group; ops of all pipelines share one namespace."""
    return f"{pipeline.name}__{group}"


def group_in(pipeline: str, op: str) -> str:
    """The group whose op has that name."""
    return op.removeprefix(f"{pipeline}__")


def steps_of_groups(pipeline: Pipeline, request: RunRequest, stats: Iterable[Any]) -> dict[str, NativeStep]:
    """How the steps of groups ended, from Dagster's statistics of their ops; those of a waiting group are left out.

    The first step of a waiting group is skipped here, as a waiting step without a group is.
    """
    groups, steps = {op_of(pipeline, group): group for group in groups_of(pipeline)}, dict[str, NativeStep]()
    for stat in (stat for stat in stats if stat.step_key in groups and stat.start_time):
        group, word = groups[stat.step_key], getattr(stat.status, "value", stat.status)
        status = Status.SUCCESS if word == "SUCCESS" else Status.FAILED
        if status is Status.SUCCESS and not stat.materialization_events:
            steps |= dict.fromkeys(members_of(request, group)[:1], NativeStep(Status.SKIPPED, 0))
        else:
            native = NativeStep(status, 1, iso(stat.start_time), iso(stat.end_time))
            steps |= ungrouped(request, {group: native})
    return steps


def culprits(pipeline: Pipeline, request: RunRequest, by_op: Mapping[str, Any]) -> dict[str, Any]:
    """What is told by the name of an op, by step: of a group, the one that failed or was lost."""
    groups = {op_of(pipeline, group): group for group in groups_of(pipeline)}
    return {culprit(request, groups[op]) if op in groups else op: value for op, value in by_op.items()}
