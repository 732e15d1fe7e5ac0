"""The references to runs below a root; a run is kept as long as anything refers to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from counterpoint.alerts.incidents import all_cases
from counterpoint.deadletters.dead_letter_store import runs_of_letters
from counterpoint.documents import parsed
from counterpoint.lineage.registry import runs_of_models
from counterpoint.storage import layout
from counterpoint.upkeep.surveying import words_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from counterpoint.storage.objects import Objects

# outputs and promotions of every version, backfills, owners of steps, proofs of equality, resubmitted rows
_ROOMS = (
    layout.CATALOG,
    layout.BACKFILLS,
    layout.VERSIONS,
    layout.OWNERS,
    layout.LEDGER,
    layout.RESUBMITTED,
)


def referred_to(objects: Objects) -> set[str]:
    """A set of words that includes the ids of all runs that are referred to.

    Raises:
        DamagedFileError: a file that could refer to a run is damaged.
        UsageError: the registry of models cannot be read from here.
    """
    words = {word for room in _ROOMS for path in objects.list(room) for word in _words(objects, room, path)}
    words.update(word for case in all_cases(objects) if case.is_open for word in words_of(case.to_dict()))
    return words | runs_of_letters(objects) | runs_of_models(objects)


def _words(objects: Objects, room: str, path: str) -> Iterator[str]:
    value = objects.get_json(path) if path.endswith(layout.JSON) else None
    yield from words_of(value)
    if room == layout.LEDGER and value and isinstance(value.get("verdict"), str):
        yield from _verdict(Path(value["verdict"]))


def _verdict(file: Path) -> Iterator[str]:
    """The words of a proof's report, which names the runs of both sides."""
    try:
        yield from words_of(parsed(file.read_bytes(), is_strict=False))
    except (OSError, ValueError):  # reports belong to the user, who may have moved them
        return


def pipelines_to_be_repaired(objects: Objects) -> set[str]:
    """The pipelines that `doctor --repair` could not restore completely from records of runs."""
    names = set()
    for aside in objects.list(layout.set_aside(layout.CATALOG)):
        path = layout.set_aside_from(aside)
        if not objects.exists(path):
            names.add(layout.pipeline_of(path))
    return names
