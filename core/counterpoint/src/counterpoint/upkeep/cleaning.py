"""`doctor --clean`: removes unneeded records of ended runs, and packs the needed records of each run into one file.

A run stays readable until it is removed: its files are packed into one object, which is then removed as a whole.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from counterpoint.documents import parsed
from counterpoint.model import PRODUCTION
from counterpoint.storage import layout
from counterpoint.storage.objects import Objects, json_bytes
from counterpoint.upkeep.referring import pipelines_to_be_repaired, referred_to
from counterpoint.upkeep.surveying import Run, busy_backfills, run_at

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

Notes = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The counts of a pipeline: removed, packed and kept runs, and removed files and bytes; or what they would be."""

    pipeline: str
    removed: int
    packed: int
    kept: int
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class _Plan:
    removed: list[Run]
    packed: list[Run]
    kept: list[Run]
    notes: Notes
    natives: dict[tuple[str, str], list[str]]


def clean(
    root: str, limits: Mapping[str, timedelta], *, dry_run: bool = False, now: datetime | None = None
) -> list[Cleaned]:
    """Removes or packs the records of runs that ended longer ago than their pipeline's limit.

    If it is killed, every run is either complete or gone; another call completes the rest.

    Raises:
        DamagedFileError: a file is damaged; nothing was removed.
        UsageError: the registry of models cannot be read from here; nothing was removed.
        StorageError: the root cannot be read or written.
    """
    objects, moment = Objects(root), now or datetime.now(UTC)
    limits = {name: limit for name, limit in limits.items() if name not in pipelines_to_be_repaired(objects)}
    before = {name: moment - limit for name, limit in limits.items()}
    plan = _plan(objects, before)
    if not dry_run:
        _carry_out(objects, plan, before)
    return [_counts(name, plan) for name in sorted(limits)]


def _plan(objects: Objects, before: Mapping[str, datetime]) -> _Plan:
    notes = {path: objects.get_json(path) for path in objects.list(layout.BEGUN)}
    superseded = {path: note for path, note in notes.items() if note and _is_superseded(objects, path, note, before)}
    left = [note for path, note in notes.items() if note and path not in superseded]
    begun = {note["run_id"] for note in left}
    busy = busy_backfills(objects)
    # runs are listed before the references to them are read, so that a run that starts meanwhile is not listed
    names = objects.folders(layout.RUNS)
    places = [(name, run_id) for name in names for run_id in objects.folders(layout.runs_folder(name))]
    runs = [run_at(objects, *place, busy) for place in places]
    old = [run for run in runs if _is_old(run, before) and not _is_young(run, left, before)]
    needed = _closed(runs, old, referred_to(objects) | begun)
    removed = [run for run in old if run.run_id not in needed]
    stays = [run for run in old if run.run_id in needed]
    packed = [run for run in stays if len(_apart(run)) > 1]
    gone = {(run.pipeline, run.run_id) for run in removed}
    kept = [run for run in runs if (run.pipeline, run.run_id) not in gone]
    return _Plan(removed, packed, kept, superseded, _natives(objects))


def _is_old(run: Run, before: Mapping[str, datetime]) -> bool:
    return run.pipeline in before and run.has_ended and run.last is not None and run.last < before[run.pipeline]


def _is_young(run: Run, notes: list[dict[str, Any]], before: Mapping[str, datetime]) -> bool:
    """Whether an orchestrator has restarted steps of an old run."""
    mine = [note["at"] for note in notes if note["run_id"] == run.run_id]
    return any(datetime.fromisoformat(at) >= before[run.pipeline] for at in mine)


def _is_superseded(objects: Objects, path: str, note: Mapping[str, Any], before: Mapping[str, datetime]) -> bool:
    """Whether a start note is old and its output exists; during a cut-over, the note is kept, as it names the side."""
    name, partition, step = layout.begun_step_of(path)
    if name not in before or datetime.fromisoformat(note["at"]) >= before[name]:
        return False
    entry = objects.get_json(layout.catalog_entry(PRODUCTION, name, step, partition))
    return bool(entry) and not entry.get("removed") and not objects.exists(layout.owner_record(name))


def _closed(runs: list[Run], old: list[Run], words: set[str]) -> set[str]:
    """The ids of all runs that are not old, or that are referred to by anything, including by such a run."""
    by_name = defaultdict[str, list[Run]](list)
    for run in runs:
        by_name[run.run_id].append(run)
    may_go = {(run.pipeline, run.run_id) for run in old}
    needed = {run.run_id for run in runs if (run.pipeline, run.run_id) not in may_go} | (words & by_name.keys())
    todo = list(needed)
    while todo:
        more = {word for run in by_name[todo.pop()] for word in run.words & by_name.keys()} - needed
        needed |= more
        todo += more
    return needed


def _natives(objects: Objects) -> dict[tuple[str, str], list[str]]:
    """The paths of the records of orchestrators' own run ids, by run."""
    natives = defaultdict[tuple[str, str], list[str]](list)
    for path in objects.list(layout.NATIVES):
        if native := objects.get_json(path):
            natives[native["pipeline"], native["run_id"]].append(path)
    return natives


def _apart(run: Run) -> list[str]:
    """The files of a run that can be packed; its lineage stays, because its path was published."""
    lineage = layout.run_lineage(run.pipeline, run.run_id)
    return [path for path in run.files if path.endswith(layout.JSON) and path != lineage]


def _carry_out(objects: Objects, plan: _Plan, before: Mapping[str, datetime]) -> None:
    for path, note in plan.notes.items():
        if objects.get_json(path) == note:
            objects.delete(path)
            objects.delete_empty(path.rpartition("/")[0])
    for run in plan.kept:
        if not run.files:  # a removal of it was killed
            objects.delete_empty(run.folder)
    busy = busy_backfills(objects)
    for run in plan.removed:
        if _is_old(run_at(objects, run.pipeline, run.run_id, busy), before):
            _remove(objects, run, plan.natives.get((run.pipeline, run.run_id), []))
    for run in plan.packed:
        _pack(objects, run.folder, layout.run_lineage(run.pipeline, run.run_id))


def _remove(objects: Objects, run: Run, natives: list[str]) -> None:
    for path in natives:
        objects.delete(path)
    _pack(objects, run.folder)
    pack = layout.run_pack(run.folder)
    if set(objects.sizes_apart(run.folder)) <= {pack}:  # otherwise another process has written to it
        objects.delete(pack)
        objects.delete_empty(run.folder)


def _pack(objects: Objects, folder: str, *besides: str) -> None:
    """Packs the files of a run into one object, then removes the files that are unchanged since."""
    pack = layout.run_pack(folder)
    paths = [path for path in objects.list(folder) if path not in {pack, *besides} and path.endswith(layout.JSON)]
    contents = {path: objects.get(path) for path in paths}
    files = {path.removeprefix(f"{folder}/"): parsed(data, is_strict=False) for path, data in contents.items() if data}
    if not files or len(files) < len(contents):  # another process has just removed it
        return
    objects.put(pack, json_bytes({"files": files}))
    for path in objects.sizes_apart(folder):
        if path in contents and objects.get(path) == contents[path]:
            objects.delete(path)


def _counts(name: str, plan: _Plan) -> Cleaned:
    removed, packed, kept = ([r for r in runs if r.pipeline == name] for runs in (plan.removed, plan.packed, plan.kept))
    natives = sum(len(plan.natives.get((name, run.run_id), [])) for run in removed)
    notes = sum(layout.begun_step_of(path)[0] == name for path in plan.notes)
    fewer = sum(len(run.files) for run in removed) + sum(_fewer(run) for run in packed)
    size = sum(sum(run.files.values()) for run in removed)
    return Cleaned(name, len(removed), len(packed), sum(bool(run.files) for run in kept), fewer + natives + notes, size)


def _fewer(run: Run) -> int:
    """By how many files packing reduces a run."""
    return len(_apart(run)) - (0 if layout.run_pack(run.folder) in run.files else 1)
