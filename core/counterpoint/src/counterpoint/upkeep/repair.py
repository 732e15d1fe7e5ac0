"""`doctor --repair`: moves damaged files of a root aside, and restores catalog entries from undamaged records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from counterpoint.backfill.lease import is_running
from counterpoint.commands import command
from counterpoint.errors import CounterpointError, DamagedFileError, HeldError
from counterpoint.model import ArtifactRef, Materialization
from counterpoint.runtime import find_pipeline
from counterpoint.services.identity import guardian_of
from counterpoint.services.processes import Owner
from counterpoint.services.service_environments import home_of, homes
from counterpoint.storage import Store, layout
from counterpoint.storage.journal import encoded
from counterpoint.storage.objects import Objects

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# a fingerprint that nothing has: a restored entry counts, and the next run of its step recomputes it
FOUND_AGAIN = "found again"
_ROOMS = (
    *(layout.CATALOG, layout.VERSIONS, layout.BACKFILLS, layout.OWNERS, layout.BEGUN, layout.RUNS, layout.NATIVES),
    *(layout.ALERTS, layout.BREAKERS, layout.RESUBMITTED, layout.SETTINGS, layout.EFFECTS, layout.ALERTED),
    layout.SERVICES,
)


@dataclass(frozen=True, slots=True)
class Act:
    """The repair of one file: its path below the root, and what was done with it."""

    path: str
    done: str


def repair(root: str) -> list[Act]:
    """Moves every damaged JSON file of a root aside, and restores catalog entries from the records of runs.

    An entry is restored if the output that a run recorded exists and has the recorded digest. Nothing is removed.
    Another call, also after a killed one, completes the rest.

    Raises:
        HeldError: services, a backfill or a run are active on the root.
        StorageError: the root cannot be read or written.
    """
    objects = Objects(root)
    _refuse_running(objects)
    return [*_set_aside(objects), *_put_back(objects)]


def _refuse_running(objects: Objects) -> None:
    for name in homes(objects.root):
        if guardian_of(home_of(objects.root, name)) is not None:
            end = command("down", name, root=objects.root)
            raise HeldError(f"the services of {name} run on {objects.root}: end them by '{end}'")
    for path in objects.list(layout.BACKFILLS):
        manifest = _whole(objects, path) if layout.backfill_manifest_of(path) else None
        if manifest and "owner" in manifest and is_running(manifest):
            raise HeldError(f"{Owner(**manifest['owner'])} works on the backfill {path}: wait until it has ended")
    for path in objects.list(layout.RUNS):
        folder, _, name = path.rpartition("/")
        recorded = (_whole(objects, path) or {}).get("owner") if name == layout.REQUEST else None
        owner = Owner(**recorded) if recorded else Owner.here()
        record = layout.run_file(folder, layout.RECORD)
        if owner != Owner.here() and owner.is_known and owner.lives and not objects.exists(record):
            raise HeldError(f"{owner} runs {folder}: wait until it has ended")


def _whole(objects: Objects, path: str) -> Any:
    """The value of a file, or None if the file is damaged."""
    try:
        return objects.get_json(path)
    except DamagedFileError:
        return None


def _set_aside(objects: Objects) -> Iterator[Act]:
    for path in [path for room in _ROOMS for path in objects.list(room) if path.endswith(layout.JSON)]:
        try:
            objects.get_json(path)
        except DamagedFileError as damage:
            place = _aside(objects, path)
            objects.put(place, objects.get(path) or b"")
            objects.delete(path)
            yield Act(path, f"moved to {place}: {damage.reason}")


def _aside(objects: Objects, path: str) -> str:
    """A free place for a damaged file."""
    places = (layout.set_aside(path, mark) for mark in ("", *(f".{number}" for number in range(1, 10_000))))
    return next(place for place in places if not objects.exists(place))


def _put_back(objects: Objects) -> Iterator[Act]:
    for aside in objects.list(layout.set_aside(layout.CATALOG)):
        path = layout.set_aside_from(aside)
        place = layout.catalog_entry_of(path)
        if place is None or objects.exists(path):  # None: a journal
            continue
        version, name, step, partition = place
        try:
            entry = _restored(objects, version, name, (step, partition))
        except CounterpointError as error:  # its pipeline is not installed here
            yield Act(path, f"not found again: {error}")
            continue
        if entry and objects.compare_and_swap(path, encoded(objects, entry, uuid4().hex), None):
            yield Act(path, f"found again by run {entry.run_id}; its digest is that of the record")
        elif not entry:
            yield Act(path, "not found again: no run recorded an output that is still whole; the next run makes it")


def _restored(objects: Objects, version: str, name: str, cell: tuple[str, str]) -> Materialization | None:
    """The entry of a step and partition, from its newest record with an undamaged output."""
    records = sorted(_records(objects, version, name, cell), key=lambda pair: str(pair[1]["ended"]), reverse=True)
    for run, record in records:
        reference = ArtifactRef.from_dict(record["output"])
        if _is_whole(Store(objects.root, find_pipeline(run["pipeline"]), version), reference):
            return Materialization(reference, FOUND_AGAIN, {}, "", "", str(run["run_id"]))
    return None


def _records(
    objects: Objects, version: str, name: str, cell: tuple[str, str]
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """The runs of a version that computed an output, each with the record of its step."""
    for run_id in objects.folders(layout.runs_folder(name)):
        run = _whole(objects, layout.run_record(name, run_id))
        if run is None or run["version"] != version or run["date"] != cell[1].partition(".")[0]:
            continue
        for path in objects.list(layout.run_folder(name, run_id)):
            is_of_step = layout.element_of(path)[0] == cell[0]
            record = _whole(objects, path) if is_of_step else None
            output = record.get("output") if record else None
            if record and output and (output["step"], output["partition"]) == cell:
                yield run, record


def _is_whole(store: Store, reference: ArtifactRef) -> bool:
    """Whether an output can be read; reading compares its digest."""
    try:
        store.read(reference)
    except CounterpointError:
        return False
    return True
