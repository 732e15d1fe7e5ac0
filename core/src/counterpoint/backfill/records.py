"""What a backfill was asked for, and how it went: the same report whatever ran it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from counterpoint.errors import UsageError
from counterpoint.model import Status
from counterpoint.services.processes import Owner

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from counterpoint.model import RunRecord
    from counterpoint.storage import Store


@dataclass(frozen=True)
class Asked:
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


def folder_of(pipeline: str) -> str:
    """Where the backfills of a pipeline are recorded below a root."""
    return f"backfills/{pipeline}"


def manifest_path(store: Store, version: str) -> str:
    """Where one backfill is recorded."""
    return f"{folder_of(store.pipeline.name)}/{version}.json"


def states_path(store: Store, version: str, key: str) -> str:
    """Where a backfill records how the steps of one partition are."""
    return f"{folder_of(store.pipeline.name)}/{version}/{key}.json"


def manifests(store: Store) -> dict[str, dict[str, Any]]:
    """What is recorded of every backfill of a pipeline, by its version."""
    paths = [p for p in store.list(folder_of(store.pipeline.name)) if p.count("/") == 2]  # noqa: PLR2004 - not days
    found = {path.rpartition("/")[2].removesuffix(".json"): store.get_json(path) for path in paths}
    return {version: manifest for version, manifest in found.items() if manifest}


def claim(store: Store, asked: Asked) -> None:
    """Records that this process runs a backfill, unless another one works on one of its partitions.

    Raises:
        UsageError: one does; names it.
    """
    path = manifest_path(store, asked.version)
    before = store.get_json(path)
    _refuse_rivals(store, asked)
    mine = {"asked": asdict(asked), "owner": asdict(Owner.here()), "status": "running", "report": None}
    store.put_json(path, mine)
    try:
        # whoever claimed at the same moment sees this claim, as this one sees theirs: at most one goes on
        _refuse_rivals(store, asked)
    except UsageError:
        _put_back(store, path, before)
        raise


def _put_back(store: Store, path: str, before: Any) -> None:
    if before is None:
        store.delete(path)
    else:
        store.put_json(path, before)


def _refuse_rivals(store: Store, asked: Asked) -> None:
    for version, manifest in manifests(store).items():
        owner, other = Owner(**manifest["owner"]), manifest["asked"]
        overlaps = other["first"] <= asked.last and asked.first <= other["last"]
        if manifest["status"] == "running" and owner != Owner.here() and owner.lives and overlaps:
            raise UsageError(
                f"backfill {version} works on {other['first']} to {other['last']} (process {owner.pid} on"
                f" {owner.host}): wait until it has ended, or choose other partitions"
            )


def release(store: Store, asked: Asked, report: Mapping[str, Any] | None) -> None:
    """Records how a backfill ended; without a report, that it was interrupted."""
    path = manifest_path(store, asked.version)
    status = report["status"] if report else "interrupted"
    manifest = {"asked": asdict(asked), "owner": asdict(Owner.here()), "status": status, "report": report}
    store.put_json(path, manifest)


def manifest_of(store: Store, version: str) -> dict[str, Any]:
    """What is recorded of one backfill.

    Raises:
        UsageError: there is none of that version; names those there are.
    """
    found: dict[str, Any] | None = store.get_json(manifest_path(store, version))
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
