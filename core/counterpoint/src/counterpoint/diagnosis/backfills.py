"""The causes of a backfill's failed partitions: each cause once, with the list of its partitions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from counterpoint.backfill.lease import is_running
from counterpoint.backfill.records import manifest_of
from counterpoint.commands import command
from counterpoint.diagnosis.causes import Cause, grouped
from counterpoint.diagnosis.evidence import read
from counterpoint.diagnosis.explain import causes_of
from counterpoint.runtime import find_pipeline
from counterpoint.storage import Store, layout

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from counterpoint.diagnosis.asking import Ask
    from counterpoint.diagnosis.evidence import Evidence
    from counterpoint.target import DeploymentTarget


def explain_backfill(
    root: str, name: str, version: str, ask: Ask, target: DeploymentTarget | None = None
) -> dict[str, Any]:
    """The causes of a backfill's failed partitions, as JSON values; see `explain`.

    Raises:
        UsageError: there is no such pipeline or backfill.
        ServiceError: the orchestrator has to be asked, and does not run.
    """
    store = Store(root, find_pipeline(name))
    manifest = manifest_of(store, version)
    rows = _rows(store, version, manifest)
    failures = [row for row in rows if row["status"] == "failed"]
    read_from = [read(store, (store.pipeline.name, row["run_id"]), target) for row in failures]
    pairs = zip(read_from, failures, strict=True)
    causes = [cause for evidence, row in pairs for cause in _causes(evidence, row, rows, ask)]
    status = _status(manifest)
    failed = bool(causes) or status in {"failed", "interrupted"}
    return {
        "run_id": None,
        "pipeline": name,
        "orchestrator": manifest["asked"]["orchestrator"],
        "date": None,
        "version": version,
        "status": status,
        "causes": [cause.to_dict() for cause in grouped(causes)],
        "skipped": [],
        "held": [],
        "redo": command("retry", name, "--backfill", version, root=root) if failed else None,
        "page": None,
    }


def _status(manifest: Mapping[str, Any]) -> str:
    if manifest["status"] == "running" and not is_running(manifest):
        return "interrupted"
    return str(manifest["status"])


def _rows(store: Store, version: str, manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The reports of all partitions that have ended."""
    report = manifest["report"]
    if report:
        return [*report["upstream"], *report["partitions"]]
    paths = store.list(layout.backfill_folder(store.pipeline.name, version))
    states = {layout.name_of(path): store.get_json(path) or {} for path in paths}
    return [row for key, state in states.items() if (row := state.get("report") or _so_far(key, state))]


def _so_far(key: str, state: Mapping[str, Any]) -> dict[str, Any] | None:
    if "failed" not in state.get("steps", {}).values():
        return None
    return {"date": key, "status": "failed", "run_id": state["run_id"], "blocked_by": []}


def _causes(evidence: Evidence, row: Mapping[str, Any], rows: Iterable[Mapping[str, Any]], ask: Ask) -> list[Cause]:
    """The causes of one partition, with the partitions that it blocks."""
    blocked = [other["date"] for other in rows if row["date"] in other["blocked_by"]]
    return [replace(cause, blocked=blocked) for cause in causes_of(evidence, ask)[0]]
