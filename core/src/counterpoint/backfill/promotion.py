"""Publishing or forgetting what a backfill made, as a whole."""

from __future__ import annotations

from typing import Any

from counterpoint.backfill.records import folder_of, manifest_path
from counterpoint.errors import UsageError
from counterpoint.lineage import promote_models
from counterpoint.running import find_pipeline
from counterpoint.services.processes import Owner
from counterpoint.storage import Store, drop, promote
from counterpoint.storage.versions import is_promoted


def promote_version(name: str, version: str, root: str) -> dict[str, Any]:
    """Makes a version production, all of it at once.

    Raises:
        UsageError: there is no such version, it is being worked on, a partition of it failed, or it was promoted.
    """
    pipeline = find_pipeline(name)
    store = Store(root, pipeline, version)
    _refuse_unfinished(store, name)
    if is_promoted(store):  # when it was killed after its commit, the models have not got their names yet
        promote_models(store, pipeline)
    found = promote(store)
    promote_models(store, pipeline)
    return {"promoted": version, "outputs": found.entries, "replaced": found.replaced, "equal": found.equal}


def drop_version(name: str, version: str, root: str) -> dict[str, Any]:
    """Forgets a version with all that it wrote.

    Raises:
        UsageError: there is no such version, it is being worked on, or it was promoted.
    """
    pipeline = find_pipeline(name)
    store = Store(root, pipeline, version)
    _refuse_running(store)
    dropped = drop(store)
    for path in (*store.list(f"{folder_of(pipeline.name)}/{version}"), manifest_path(store, version)):
        store.delete(path)
    return {"dropped": version, "outputs": dropped}


def _refuse_running(store: Store) -> dict[str, Any] | None:
    manifest: dict[str, Any] | None = store.get_json(manifest_path(store, store.version))
    if manifest and manifest["status"] == "running" and Owner(**manifest["owner"]).lives:
        raise UsageError(
            f"version {store.version} is being worked on by process {manifest['owner']['pid']}: wait for it"
        )
    return manifest


def _refuse_unfinished(store: Store, name: str) -> None:
    manifest = _refuse_running(store)
    if manifest is None or manifest["status"] == "success":
        return
    rows = (manifest["report"] or {}).get("partitions", [])
    bad = ", ".join(f"{row['date']} {row['status']}" for row in rows if row["status"] != "success")
    raise UsageError(
        f"version {store.version} is not whole ({bad or manifest['status']}), so it is not promoted: run"
        f" 'counterpoint retry {name} --backfill {store.version}' first"
    )
