"""Backfills of assets: the daemon launches each partition of an asset after the partitions that it reads."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from counterpoint.errors import ServiceError
from counterpoint.model import NativeBackfill, NativeRun, part_of
from counterpoint.runtime import find_pipeline
from counterpoint.service_environment import SITE_TAG, tags_of_target
from counterpoint_dagster.client import graphql
from counterpoint_dagster.keys import BACKFILL, FIRST, FOLLOWS, MAX_PARALLEL, PARTITION, REQUEST, VERSION
from counterpoint_dagster.observe import native_of, runs_with
from counterpoint_dagster.servers import TICK_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from counterpoint.model import BackfillOrder, Pipeline
    from counterpoint.target import Target

_ENDED = {"COMPLETED", "COMPLETED_SUCCESS", "COMPLETED_FAILED", "FAILED", "CANCELED"}

_LAUNCH = """mutation($p: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $p) { __typename
  ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
_BACKFILL = """query($id: String!) { partitionBackfillOrError(backfillId: $id) { __typename
  ... on PartitionBackfill { status error { message } } ... on PythonError { message } } }"""
_RUNNING = """{ partitionBackfillsOrError(status: REQUESTED, limit: 100) {
  ... on PartitionBackfills { results { id tags { key value }
  runs(limit: 1) { id } unfinishedRuns(limit: 1) { id } } } } }"""
# the daemon notices the end of a backfill only at its next look at backfills
_PATIENCE = 5.0 * TICK_SECONDS
_CANCEL = "mutation($id: String!) { cancelPartitionBackfill(backfillId: $id) { __typename } }"


def backfill(target: Target, order: BackfillOrder) -> str:
    """Launches a backfill of the order's assets, each for its own ranges of partitions; returns Dagster's id of it.

    Raises:
        ServiceError: Dagster rejected it.
    """
    from counterpoint_dagster.policies import execution

    pipeline, request = find_pipeline(order.request.pipeline), order.request
    tags = {
        REQUEST: request.to_json(),
        FOLLOWS: request.run_id,
        VERSION: _version(order),
        MAX_PARALLEL: str(order.parallel),
        **tags_of_target(target.id),
    }
    parameters = {
        "partitionsByAssets": [
            {"assetKey": {"path": [name]}, "partitions": {"ranges": ranges}}
            for name, ranges in _ranges(pipeline, order).items()
        ],
        "tags": [{"key": key, "value": value} for key, value in tags.items()],
        "title": _version(order),
        "runConfigData": execution(pipeline, pipeline.step_names),
    }
    answer = graphql(target, _LAUNCH, {"p": parameters})["launchPartitionBackfill"]
    if answer["__typename"] != "LaunchBackfillSuccess":
        raise ServiceError(f"dagster did not launch the backfill {_version(order)}: {answer}")
    return str(answer["backfillId"])


def _version(order: BackfillOrder) -> str:
    return f"{order.request.pipeline} {order.request.version}"


def _ranges(pipeline: Pipeline, order: BackfillOrder) -> dict[str, list[dict[str, str]]]:
    spans = order.spans(pipeline.partitions)
    ranges_of = {
        name: [{"start": first, "end": last} for first, last, steps in spans if name in steps]
        for name in pipeline.step_names
    }
    return {name: ranges for name, ranges in ranges_of.items() if ranges}


def progress(target: Target, order: BackfillOrder, native_id: str) -> NativeBackfill:
    """The progress of a backfill, read from its runs, which end before the daemon notices it."""
    native = graphql(target, _BACKFILL, {"id": native_id})["partitionBackfillOrError"]
    chains = _chains(runs_with(target, BACKFILL, native_id))
    ended: dict[str, NativeRun] = {}
    for (key, _), chain in chains.items():
        steps = tuple(asset["path"][-1] for asset in chain[0]["assetSelection"])
        request = part_of(order.request, key, steps)
        run = native_of(find_pipeline(request.pipeline), request, chain[0]["runId"], chain)
        if run is not None:
            before = ended[key].steps if key in ended else {}
            ended[key] = NativeRun(run.native_id, run.failed, run.started, run.ended, {**before, **run.steps})
    message = (native.get("error") or native).get("message")
    return NativeBackfill(native.get("status", "FAILED") in _ENDED, ended, message)


def _chains(runs: Iterable[dict[str, Any]]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """The runs grouped by partition and by the first run of their chain."""
    chains: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for run in runs:
        tags = {tag["key"]: tag["value"] for tag in run["tags"]}
        chains.setdefault((tags[PARTITION], tags.get(FIRST, run["runId"])), []).append(run)
    return chains


def cancel(target: Target, order: BackfillOrder) -> None:
    """Cancels the running backfills of the order's version; one whose runs have all ended is left to the daemon."""
    end = time.monotonic() + _PATIENCE
    while backfills := _in_progress(target, order):
        for native in backfills:
            if native["unfinishedRuns"] or not native["runs"] or time.monotonic() > end:
                graphql(target, _CANCEL, {"id": native["id"]})
        time.sleep(0.5)


def _in_progress(target: Target, order: BackfillOrder) -> list[dict[str, Any]]:
    results = graphql(target, _RUNNING, {})["partitionBackfillsOrError"]["results"]
    tagged = [(native, {tag["key"]: tag["value"] for tag in native["tags"]}) for native in results]
    version = _version(order)
    return [
        native for native, tags in tagged if tags.get(VERSION) == version and tags.get(SITE_TAG, target.id) == target.id
    ]
