"""What a backfill was asked for, and how it went: the same report whatever ran it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from counterpoint.errors import UsageError
from counterpoint.model import Status
from counterpoint.storage import layout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from counterpoint.model import RunRecord
    from counterpoint.storage import Store

# instead of removing a manifest: stores remove without looking, and would take away one that was made meanwhile
DROPPED = "dropped"


@dataclass(frozen=True)
class BackfillRequest:
    """A backfill as it was asked for: all that a retry needs to ask for it again."""

    pipeline: str
    first: str
    last: str
    version: str
    orchestrator: str = "local"
    service: bool = False
    strategy: str = "parallel"
    parallel: int = 2
    config: Mapping[str, Any] = field(default_factory=dict)
    force: bool = False
    stale_only: bool = False
    effects: bool = False


def manifests(store: Store) -> dict[str, dict[str, Any]]:
    """What is recorded of every backfill of a pipeline, by its version."""
    paths = filter(layout.backfill_manifest_of, store.list(layout.backfills_folder(store.pipeline.name)))
    found = {layout.name_of(path): store.get_json(path) for path in paths}
    return {version: manifest for version, manifest in found.items() if manifest and manifest["status"] != DROPPED}


def manifest_in(store: Store, version: str) -> dict[str, Any] | None:
    """What is recorded of one backfill, or None."""
    found: dict[str, Any] | None = store.get_json(layout.backfill_manifest(store.pipeline.name, version))
    return None if found is None or found["status"] == DROPPED else found


def manifest_of(store: Store, version: str) -> dict[str, Any]:
    """What is recorded of one backfill.

    Raises:
        UsageError: there is none of that version; names those there are.
    """
    found = manifest_in(store, version)
    if found is None:
        known = ", ".join(manifests(store)) or "none yet"
        raise UsageError(f"pipeline {store.pipeline.name} has no backfill {version!r}; there are: {known}")
    return found


def partition_report(key: str, record: RunRecord, blocked_by: Sequence[str]) -> dict[str, Any]:
    """How one partition of a backfill ended."""
    failed = next((step for step in record.steps if step.status is Status.FAILED), None)
    status = "failed" if failed else "blocked" if blocked_by else "success"
    return {
        "date": key,
        "status": status,
        "run_id": record.run_id,
        "failed_step": failed.name if failed else None,
        "error": failed.error.to_dict() if failed and failed.error else None,
        "blocked_by": list(blocked_by) if status == "blocked" else [],
    }
