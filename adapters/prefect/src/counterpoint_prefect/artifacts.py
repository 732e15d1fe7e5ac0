"""The output of a step as an artifact on Prefect's page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.artifacts import create_table_artifact

from counterpoint.runtime import find_pipeline, step_record

if TYPE_CHECKING:
    from counterpoint.model import ArtifactRef, RunRequest, Step


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
