"""How each step of each partition stands: the grid of a pipeline, in production or in a version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.backfill.lease import is_running
from counterpoint.backfill.plan import Cell
from counterpoint.backfill.records import folder_of, manifest_in, states_path
from counterpoint.backfill.standing import Snapshot, freshness_of
from counterpoint.model import PRODUCTION, RunRequest
from counterpoint.running.waits import waiting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from counterpoint.model import Pipeline

STATES = ("fresh", "stale", "running", "failed", "missing", "blocked", "skipped", "effect")
# what a run told of a step that has no fresh output
_TOLD = {"failed": "failed", "blocked": "blocked", "upstream_failed": "blocked"}


def known_partitions(store: Snapshot) -> list[str]:
    """The partitions of which something stands or was tried, oldest first."""
    name = store.pipeline.name
    paths = [*store.list(f"catalog/{PRODUCTION}/{name}"), *store.list(f"catalog/{store.version}/{name}")]
    paths += store.list(f"{folder_of(name)}/{store.version}")
    keys = {path.rpartition("/")[2].removesuffix(".json").partition(".")[0] for path in paths}
    return sorted(key for key in keys if key and key[0].isdigit())


def grid(root: str, name: str, pipeline: Pipeline, version: str, keys: Sequence[str] = ()) -> dict[str, Any]:
    """The state of every step and partition; `keys` are the partitions, by default all that are known of.

    A step is stale when its code, its settings or any of its inputs would give another output now.
    """
    store = Snapshot(root, pipeline, version)
    shown = list(keys) or known_partitions(store)
    told = _told(store, shown)
    rows = []
    for key in shown:
        request = RunRequest(name, key, "", root, version=version, steps=())
        states = {s: _state(store, request, Cell(s, key), told.get(key, {})) for s in pipeline.step_names}
        rows.append({"date": key, "steps": states})
    return {
        "pipeline": pipeline.name,
        "version": version,
        "steps": list(pipeline.step_names),
        "partitions": rows,
        "waiting": waiting(store, pipeline, version, keys),
    }


def _told(store: Snapshot, keys: Sequence[str]) -> dict[str, Mapping[str, str]]:
    """What the backfill of this version last told of steps; what ran in a process that died runs no more."""
    manifest = manifest_in(store, store.version)
    if manifest is None:
        return {}
    lives = is_running(manifest)
    steps = {key: (store.get_json(states_path(store, store.version, key)) or {}).get("steps", {}) for key in keys}
    return {
        key: {n: state for n, state in found.items() if lives or state != "running"} for key, found in steps.items()
    }


def _state(store: Snapshot, request: RunRequest, cell: Cell, told: Mapping[str, str]) -> str:
    said = told.get(cell.step)
    if store.pipeline.step(cell.step).effect:
        return "running" if said == "running" else _TOLD.get(said or "", "effect")
    if said in {"running", "skipped"}:
        return said
    found = str(freshness_of(store, request, cell).value)
    return found if found in {"fresh", "skipped"} else _TOLD.get(said or "", found)
