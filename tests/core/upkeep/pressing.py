"""Runs of the press in this process, as a command leaves them; and all that a root answers of them."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from press import press

from counterpoint.alerts.incidents import all_cases
from counterpoint.backfill import grid
from counterpoint.diagnosis import explain
from counterpoint.lineage import RunEnvironment, find_lineage, keep_whole
from counterpoint.model import PRODUCTION, NativeRun, NativeStep, RunRequest, Status, order
from counterpoint.runtime import collect, execute
from counterpoint.runtime.request_store import keep_request, note_native
from counterpoint.services.processes import Owner
from counterpoint.storage import Store
from counterpoint.storage.layout import PACK
from counterpoint.storage.versions import versions

if TYPE_CHECKING:
    from counterpoint.storage.objects import Objects

NAME = "press:press"
AROUND = RunEnvironment(git={"commit": None, "dirty": False}, packages={}, sources={}, patch=None)


def now() -> str:
    return datetime.now(UTC).isoformat()


def run(root: str, run_id: str, day: str, *, version: str = PRODUCTION, **more: Any) -> None:
    """A run of all steps, to its recorded end; unless `ends` is false, as when its machine went away."""
    ends = more.pop("ends", True)
    request = RunRequest(NAME, day, run_id, root, version=version, **more)
    pipeline = press.configured(request.config)
    store = Store(root, pipeline, version)
    keep_request(store, "press", request, service=True, owner=asdict(Owner.here()))
    note_native(store, "press", request, f"native-{run_id}")
    steps, given, started = dict[str, NativeStep](), dict[str, Any](), now()
    for name in order(pipeline):
        try:
            given[name] = execute(request, name, {n: given[n] for n in pipeline.step(name).upstream})
            steps[name] = NativeStep(Status.SUCCESS, 1, started, now())
        except Exception:  # noqa: BLE001 - it is told to fail, or what it reads is not there
            steps[name] = NativeStep(Status.FAILED, 1, started, now())
            break
    if ends:
        rest = {n: NativeStep(Status.UPSTREAM_FAILED, 0) for n in pipeline.step_names if n not in steps}
        keep_whole(store, pipeline, request, AROUND)
        native = NativeRun(f"native-{run_id}", bool(rest), started, now(), {**steps, **rest})
        collect(pipeline, store, request, native, "0")


def documents(objects: Objects) -> dict[str, dict[str, Any]]:
    """All that each run below a root left, as whoever looks for it reads it."""
    found = {}
    for run_id in objects.folders("runs/press"):
        folder = f"runs/press/{run_id}"
        paths = [path for path in objects.list(folder) if not path.endswith(PACK)]
        found[run_id] = {path.removeprefix(f"{folder}/"): objects.get_json(path) for path in paths}
    return {run_id: files for run_id, files in found.items() if files}


def explained(objects: Objects) -> dict[str, Any]:
    """What `why` says of each run that has ended."""
    ended = [run_id for run_id, files in documents(objects).items() if "run.json" in files]
    return {run_id: explain(objects, ("press", run_id), lambda _: None) for run_id in ended}


def stands(root: str) -> dict[str, Any]:
    """All that a root answers of what stands: status, entries, values, lineage, records, open alerts."""
    production = Store(root, press)
    found: dict[str, Any] = {"alerts": [case.to_dict() for case in all_cases(production) if case.is_open]}
    for version in [PRODUCTION, *(info.tag for info in versions(production))]:
        store = Store(root, press, version)
        found[f"{version} status"] = grid(root, NAME, press, version) if version == PRODUCTION else None
        for name in press.step_names:
            for key, entry in store.own_entries(name).items():
                value = store.read(entry.reference)
                found[f"{version} {name} {key}"] = (
                    entry.to_dict(),
                    value.to_dicts() if name == "olives" else value,
                    find_lineage(root, entry.run_id) if store.exists(f"runs/press/{entry.run_id}/run.json") else None,
                    store.get_json(f"runs/press/{entry.run_id}/{name}.json"),
                )
    return found


def needed_by_entries(root: str) -> set[str]:
    """The runs that an output of any version was made by."""
    objects = Store(root, press)
    paths = [path for path in objects.list("catalog") if not path.endswith(".promotion.json")]
    return {value["run_id"] for path in paths if "run_id" in (value := objects.get_json(path))}
