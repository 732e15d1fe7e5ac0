"""The state of a migration: the compared dates of each pair of sides, the owner of the pipeline, and its changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.runtime import schedule_ownership
from counterpoint.runtime.registry import find_pipeline
from counterpoint.storage.objects import Objects
from counterpoint_migrate.cutover.ledger import code_of, entries, pairs, streak_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.model import Pipeline

_FIELDS = ("date", "equal", "first", "outputs", "at", "commit", "verdict")


def standing_of(name: str, root: str) -> dict[str, Any]:
    """The ledger of a pipeline below a root, as JSON values.

    Raises:
        UsageError: the pipeline does not exist.
        StorageError: the root cannot be read.
    """
    pipeline, objects = find_pipeline(name), Objects(root)
    ownership = schedule_ownership.read(objects, pipeline.name).to_dict()
    return {
        "pipeline": pipeline.name,
        "pairs": [_pair(objects, pipeline, pair) for pair in pairs(objects, pipeline.name)],
        **ownership,
    }


def _pair(objects: Objects, pipeline: Pipeline, pair: str) -> dict[str, Any]:
    dated_entries, code = entries(objects, pipeline.name, pair), code_of(pipeline)
    streak = streak_of(dated_entries, pipeline.partitions)
    return {
        "pair": pair,
        "dates": [_date(entry, code) for entry in dated_entries],
        "streak": streak.to_dict(),
        "summary": str(streak),
    }


def _date(entry: Mapping[str, Any], code: str) -> dict[str, Any]:
    return {**{name: entry[name] for name in _FIELDS}, "same_code": entry["digests"]["code"] == code}
