"""The op of a group: it executes the steps of the group by core, and reports the output of each as its own asset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg

from counterpoint.model import Status
from counterpoint_dagster.keys import CHECK
from counterpoint_dagster.step import metadata_of
from counterpoint_dagster.waits import must_wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from counterpoint.model import RunRequest
    from counterpoint_dagster.binding import Binding


def group_body(binding: Binding, group: str) -> Callable[..., Any]:
    """The function of the assets of a group."""

    def materialize(context: Any) -> Iterator[Any]:
        yield from execute_group_of(context, binding.request_of(context.run), group, binding)

    materialize.__annotations__ = {"context": dg.AssetExecutionContext}
    return materialize


def execute_group_of(
    context: dg.AssetExecutionContext, request: RunRequest, group: str, binding: Binding
) -> Iterator[Any]:
    """Executes the steps of a group, and yields for each its materialization and the result of its asset check.

    Args:
        context: What Dagster gives to the op.
        request: The request of the run.
        group: The name of the group.
        binding: What names the assets.

    Raises:
        dagster.Failure: A step failed for good. Its retries are over: core makes them, each by the step's own policy.
    """
    from counterpoint.errors import GroupError
    from counterpoint.runtime import describe, find_pipeline
    from counterpoint.runtime.groups import execute_group, members_of, waiting_step

    pipeline = find_pipeline(request.pipeline)
    try:
        if must_wait(context, request, pipeline.step(waiting_step(request, group))):
            context.log.info("%s has to wait", group)
            return
        execute_group(request, group, {}, again=context.retry_number > 0)
    except Exception as error:
        if isinstance(error, GroupError):
            yield from _results(request, members_of(request, group), binding)
        info = describe(error)
        raise dg.Failure(f"{info.type}: {info.message}", allow_retries=False) from error
    yield from _results(request, members_of(request, group), binding)


def _results(request: RunRequest, names: Iterable[str], binding: Binding) -> Iterator[Any]:
    """What the steps of a group made, by their records; of a step that failed its contract, the failed check."""
    from counterpoint.model import ArtifactRef
    from counterpoint.runtime import find_pipeline, step_record

    for step in map(find_pipeline(request.pipeline).step, names):
        record, key = step_record(request, step.name), binding.key(step.name)
        if record.get("status") == Status.SUCCESS.value:
            metadata = metadata_of(ArtifactRef.from_dict(record["output"]), record)
            yield dg.MaterializeResult(asset_key=key, metadata=metadata)
            if step.output.contract:
                yield dg.AssetCheckResult(passed=True, check_name=CHECK, asset_key=key)
        elif step.output.contract and (record.get("error") or {}).get("type") == "ContractError":
            yield dg.AssetCheckResult(
                passed=False, check_name=CHECK, asset_key=key, description=record["error"]["message"]
            )
