"""The records of runs below a root: whether a run has ended, its last activity, and its references."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from counterpoint.backfill.lease import is_running
from counterpoint.model import RunRequest
from counterpoint.services.processes import Owner
from counterpoint.storage import layout
from counterpoint.storage.packs import members
from counterpoint.storage.shapes import moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from counterpoint.storage.objects import Objects

_MOMENTS = frozenset({"started", "ended", "at", "since"})
_BETWEEN = re.compile(r"[\s/'\"]+")


@dataclass(frozen=True, slots=True)
class Run:
    """The records of a run: its files by path, the last moment in them, and all words in them.

    `called` is the name by which its pipeline is found.
    """

    pipeline: str
    run_id: str
    files: Mapping[str, int]
    has_ended: bool
    last: datetime | None
    words: frozenset[str]
    called: str | None

    @property
    def folder(self) -> str:
        """The folder of the run."""
        return layout.run_folder(self.pipeline, self.run_id)


def run_at(objects: Objects, pipeline: str, run_id: str, busy: frozenset[tuple[str, str]]) -> Run:
    """The current state of a run; a run of a `busy` backfill has not ended, whatever its record says.

    Raises:
        DamagedFileError: a file of it is damaged.
    """
    folder = layout.run_folder(pipeline, run_id)
    files = objects.sizes_apart(folder)
    apart = [path for path in files if path.endswith(layout.JSON) and path != layout.run_pack(folder)]
    values = {**members(objects, folder), **{path: objects.get_json(path) for path in apart}}
    record = values.get(layout.run_record(pipeline, run_id))
    kept = values.get(layout.run_request(pipeline, run_id)) or {}
    request = RunRequest.from_json(kept["request"]) if kept else None
    version = record["version"] if record else request.version if request else None
    ended = (record is not None or _was_killed(kept)) and (pipeline, version) not in busy
    lineage = layout.run_lineage(pipeline, run_id)
    moments = [time for path, value in values.items() if path != lineage for time in _moments(value)]
    words = frozenset(word for value in [*values.values(), request and request.origin] for word in words_of(value))
    called = record["pipeline"] if record else request.pipeline if request else None
    return Run(pipeline, run_id, files, ended, max(moments, default=None), words - {run_id}, called)


def _was_killed(kept: Mapping[str, Any]) -> bool:
    """Whether a run has no record because its command, the parent process of its steps, is dead."""
    if "owner" not in kept or kept.get("service"):
        return False
    owner = Owner(**kept["owner"])
    return owner.is_known and not owner.lives


def _moments(value: Any) -> Iterator[datetime]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in _MOMENTS and moment(inner):
                yield datetime.fromisoformat(inner)
            yield from _moments(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _moments(inner)


def words_of(value: Any) -> Iterator[str]:
    """All strings in a JSON value, and the words in them, because commands and locations hold run ids too."""
    if isinstance(value, str):
        yield value
        yield from _BETWEEN.split(value)
    elif isinstance(value, dict):
        for inner in value.values():
            yield from words_of(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from words_of(inner)


def busy_backfills(objects: Objects) -> frozenset[tuple[str, str]]:
    """The pipelines and versions with an active backfill."""
    busy = set()
    for path in objects.list(layout.BACKFILLS):
        backfill = layout.backfill_manifest_of(path)
        manifest = objects.get_json(path) if backfill else None
        if backfill and manifest and "owner" in manifest and is_running(manifest):
            busy.add(backfill)
    return frozenset(busy)
