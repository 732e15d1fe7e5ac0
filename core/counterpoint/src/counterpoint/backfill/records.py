"""The request and the report of a backfill, the same for every engine."""

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

# marks a manifest instead of removing it: a removal is unconditional, and would remove a newer manifest too
DROPPED = "dropped"


@dataclass(frozen=True)
class BackfillRequest:
    """The request of a backfill, with all that a retry needs to repeat it.

    `env`, `tracking`, `secrets` (references) and `variables` are those of its `Configuration`; `target` names the
    team's server that runs it.
    """

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
    env: str | None = None
    tracking: str | None = None
    secrets: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    target: str | None = None


def manifests(store: Store) -> dict[str, dict[str, Any]]:
    """The manifests of all backfills of a pipeline, by version."""
    paths = filter(layout.backfill_manifest_of, store.list(layout.backfills_folder(store.pipeline.name)))
    stored = {layout.name_of(path): store.get_json(path) for path in paths}
    return {version: manifest for version, manifest in stored.items() if manifest and manifest["status"] != DROPPED}


def manifest_in(store: Store, version: str) -> dict[str, Any] | None:
    """The manifest of a backfill, or None if there is none."""
    manifest: dict[str, Any] | None = store.get_json(layout.backfill_manifest(store.pipeline.name, version))
    return None if manifest is None or manifest["status"] == DROPPED else manifest


def manifest_of(store: Store, version: str) -> dict[str, Any]:
    """The manifest of a backfill.

    Raises:
        UsageError: there is no backfill of that version; names the existing ones.
    """
    manifest = manifest_in(store, version)
    if manifest is None:
        known = ", ".join(manifests(store)) or "none yet"
        raise UsageError(f"pipeline {store.pipeline.name} has no backfill {version!r}; there are: {known}")
    return manifest


def partition_report(key: str, record: RunRecord, blocked_by: Sequence[str]) -> dict[str, Any]:
    """The report of one partition of a backfill."""
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
