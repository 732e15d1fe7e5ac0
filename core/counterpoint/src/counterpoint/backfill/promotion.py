"""Promotes or drops the version of a backfill as a whole."""

from __future__ import annotations

from typing import Any

from counterpoint.backfill.lease import forget, free
from counterpoint.backfill.records import manifest_in
from counterpoint.commands import command
from counterpoint.errors import UsageError
from counterpoint.lineage import promote_models
from counterpoint.model import RunRequest
from counterpoint.runtime import find_pipeline
from counterpoint.runtime.context import StepContext
from counterpoint.runtime.inputs import is_skipped
from counterpoint.runtime.settings import note
from counterpoint.storage import Store, drop, layout, promote
from counterpoint.storage.versions import is_promoted


def promote_version(name: str, version: str, root: str, *, take_over: bool = False) -> dict[str, Any]:
    """Makes the whole version production at once.

    Raises:
        HeldError: another process works on it, and `take_over` is false.
        UsageError: there is no such version, a partition of it failed, or it was promoted.
    """
    pipeline = find_pipeline(name)
    store = Store(root, pipeline, version)
    free(store, lambda other, _: other == version, take_over=take_over)
    _refuse_unfinished(store, name)
    if is_promoted(store):  # a promotion that was killed after its commit has not named the models yet
        promote_models(store, pipeline)
    else:
        _refuse_damaged(store, name)
    promotion = promote(store, _replaced_by_nothing(store, name))
    promote_models(store, pipeline)
    if manifest := manifest_in(store, version):
        note(store, pipeline, pipeline.steps, manifest["asked"]["config"])
    return {"promoted": version, "outputs": promotion.entries, "replaced": promotion.replaced, "equal": promotion.equal}


def drop_version(name: str, version: str, root: str, *, take_over: bool = False) -> dict[str, Any]:
    """Drops a version with all that it wrote.

    Raises:
        HeldError: another process works on it, and `take_over` is false.
        UsageError: there is no such version, or it was promoted.
    """
    pipeline = find_pipeline(name)
    store = Store(root, pipeline, version)
    free(store, lambda other, _: other == version, take_over=take_over)
    manifest = store.find(layout.backfill_manifest(pipeline.name, version))
    dropped = drop(store)
    for path in store.list(layout.backfill_folder(pipeline.name, version)):
        store.delete(path)
    forget(store, version, manifest)
    return {"dropped": version, "outputs": dropped}


def _replaced_by_nothing(store: Store, name: str) -> list[tuple[str, str]]:
    """The production entries without a successor: of steps that this version's branches skip, and of longer lists."""
    production = Store(store.root, store.pipeline)
    own = {step: set(store.own_entries(step)) for step in store.pipeline.step_names}
    removed: list[tuple[str, str]] = []
    for day in sorted({key.partition(".")[0] for keys in own.values() for key in keys}):
        for step in store.pipeline.steps:
            context = StepContext(
                RunRequest(name, day, "", store.root, version=store.version), store.pipeline, step, store
            )
            new_keys = {key for key in own[step.name] if key.partition(".")[0] == day}
            if not new_keys and not is_skipped(context, step.name):
                continue
            old_keys = [key for key in production.keys(step.name) if key.partition(".")[0] == day]
            removed += [(step.name, key) for key in old_keys if key not in new_keys]
    return removed


def _refuse_damaged(store: Store, name: str) -> None:
    """Reads all outputs of the version, so that only undamaged outputs are promoted.

    Raises:
        DamagedOutputError: an output is not as it was written; holds the command that recomputes it.
    """
    for step in store.pipeline.steps:
        for key, entry in store.own_entries(step.name).items():
            if entry.reference.uri:
                request = RunRequest(name, key, "", store.root, version=store.version)
                StepContext(request, store.pipeline, step, store).read(entry.reference)


def _refuse_unfinished(store: Store, name: str) -> None:
    manifest = manifest_in(store, store.version)
    if manifest is None or manifest["status"] == "success":
        return
    rows = (manifest["report"] or {}).get("partitions", [])
    bad = ", ".join(f"{row['date']} {row['status']}" for row in rows if row["status"] != "success")
    retry = command("retry", name, "--backfill", store.version, root=store.root)
    raise UsageError(
        f"version {store.version} is not complete ({bad or manifest['status']}), so it is not promoted:"
        f" run '{retry}' first"
    )
