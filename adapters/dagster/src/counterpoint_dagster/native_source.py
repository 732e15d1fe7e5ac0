"""Dagster's objects as the source that makes them, for generated definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg

from counterpoint.build.source import Call, Code, call
from counterpoint.errors import UnsupportedError
from counterpoint_dagster.policies import FORKED

if TYPE_CHECKING:
    from collections.abc import Callable

# the mapping of every edge without a window: generated files make it once, by this name
SAME_PARTITION = "SAME_PARTITION"
# the partitions of the pipeline, which generated files make once
PARTITIONS = "partitions"


def source_of(value: Any) -> Any:
    """A native argument of an asset or job as source; what is no object of Dagster's stays as it is.

    Raises:
        UnsupportedError: The source of such an object is not known here.
    """
    if isinstance(value, dict):
        return {name: source_of(item) for name, item in value.items()}
    if isinstance(value, list):
        return [source_of(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str | set):
        return value
    writer = next((write for kind, write in _WRITERS if isinstance(value, kind)), None)
    if writer is None:
        raise _unknown(value)
    return writer(value)


def _unknown(value: Any) -> UnsupportedError:
    return UnsupportedError(f"dagster: 'build' cannot write a {type(value).__name__} as source: {value}")


def partitions_source(native: dg.TimeWindowPartitionsDefinition) -> Call:
    """The source of partitions.

    Raises:
        UnsupportedError: The source of such partitions is not known here.
    """
    arguments: dict[str, Any] = {
        "start_date": native.start.strftime(native.fmt),
        "timezone": native.timezone,
        "fmt": native.fmt,
    }
    match native:
        case dg.WeeklyPartitionsDefinition():
            arguments["day_offset"] = native.day_offset
        case dg.DailyPartitionsDefinition() | dg.HourlyPartitionsDefinition() | dg.MonthlyPartitionsDefinition():
            pass
        case _:
            raise _unknown(native)
    return call(f"dg.{type(native).__name__}", **arguments)


def _edge(name: str, key: dg.AssetKey, mapping: dg.PartitionMapping | None) -> Call:
    return call(name, source_of(key), partition_mapping=_mapping(mapping))


def _mapping(native: dg.PartitionMapping | None) -> Any:
    if isinstance(native, dg.IdentityPartitionMapping):
        return Code(SAME_PARTITION)
    if isinstance(native, dg.AllPartitionMapping):
        return call("dg.AllPartitionMapping")
    if not isinstance(native, dg.TimeWindowPartitionMapping):
        raise _unknown(native)
    shrinks = native.allow_nonexistent_upstream_partitions
    options = {"allow_nonexistent_upstream_partitions": True} if shrinks else {}
    offsets = {"start_offset": native.start_offset, "end_offset": native.end_offset}
    return call("dg.TimeWindowPartitionMapping", **offsets, **options)


def _retry_policy(native: dg.RetryPolicy) -> Call:
    arguments: dict[str, Any] = {"max_retries": native.max_retries, "delay": native.delay}
    if native.backoff:
        arguments["backoff"] = Code(f"dg.Backoff.{native.backoff.name}")
    if native.jitter:
        arguments["jitter"] = Code(f"dg.Jitter.{native.jitter.name}")
    return call("dg.RetryPolicy", **arguments)


def _executor(native: dg.ExecutorDefinition) -> Any:
    if native is dg.in_process_executor:
        return Code("dg.in_process_executor")
    return call("dg.multiprocess_executor.configured", FORKED)


_WRITERS: list[tuple[Any, Callable[[Any], Any]]] = [
    (dg.AssetKey, lambda key: list(key.path)),
    (dg.PartitionsDefinition, lambda _: Code(PARTITIONS)),
    (dg.AssetIn, lambda edge: _edge("dg.AssetIn", edge.key, edge.partition_mapping)),
    (dg.AssetDep, lambda edge: _edge("dg.AssetDep", edge.asset_key, edge.partition_mapping)),
    (dg.AssetCheckSpec, lambda check: call("dg.AssetCheckSpec", check.name, asset=source_of(check.asset_key))),
    (dg.RetryPolicy, _retry_policy),
    (dg.FreshnessPolicy, lambda policy: call("dg.FreshnessPolicy.time_window", policy.fail_window.to_timedelta())),
    (dg.ExecutorDefinition, _executor),
]
