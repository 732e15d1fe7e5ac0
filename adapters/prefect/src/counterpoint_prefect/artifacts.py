"""The output of a step on Prefect's pages: as an artifact, and as the materialization of an asset."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.artifacts import create_table_artifact
from prefect.assets import Asset
from prefect.context import AssetContext

from counterpoint.runtime import find_pipeline, step_record
from counterpoint_prefect.keys import ASSET

if TYPE_CHECKING:
    from counterpoint.model import ArtifactRef, Pipeline, RunRequest, Step


def asset_of(pipeline: Pipeline, step: str) -> str:
    """The key of the asset that a step materializes."""
    return f"{ASSET}{pipeline.name}/{step}"


def note_materialized(request: RunRequest, step: Step, reference: ArtifactRef) -> None:
    """Lets Prefect tell of the materialized asset, and of those that it depends on, when the task run has ended.

    A task of Prefect's own `@materialize` would tell of one when it was skipped, too.
    """
    context = AssetContext.get()
    if context is None:
        return
    asset = Asset(key=asset_of(find_pipeline(request.pipeline), step.name))
    context.downstream_assets.add(asset)
    context.add_asset_metadata(asset.key, {"partition": reference.partition, "digest": reference.digest})


def show(request: RunRequest, step: Step, reference: ArtifactRef) -> None:
    """Creates a table artifact with the URI, rows, digest, metrics and lineage of an output."""
    index = int(reference.partition.rpartition(".")[2]) if step.map_over else None
    record = step_record(request, step.name, index)
    values = {
        "partition": reference.partition,
        "uri": reference.uri,
        "rows": reference.rows,
        "bytes": reference.bytes,
        "digest": reference.digest,
        **record.get("metrics", {}),
        **record.get("details", {}),
    }
    key = f"{find_pipeline(request.pipeline).name}-{step.name}".replace("_", "-").lower()
    rows = [{"what": name, "value": str(value)} for name, value in values.items() if value is not None]
    create_table_artifact(rows, key=key, description=f"{step.name} of {reference.partition}")
