"""What below a root refers to runs: as long as one of these stands, so does the run that it names."""

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

# outputs of every version and promotions; backfills, who owns steps, proofs of equality, rows that were sent again
_ROOMS = (
    layout.CATALOG,
    layout.BACKFILLS,
    layout.VERSIONS,
    layout.OWNERS,
    layout.LEDGER,
    layout.RESUBMITTED,
)


def referred_to(objects: Objects) -> set[str]:
    """The words among which are the names of all runs that something refers to.

    Raises:
        DamagedFileError: a file that could refer to one is damaged.
        UsageError: the registry of models cannot be asked from here.
    """
    found = {word for room in _ROOMS for path in objects.list(room) for word in _words(objects, room, path)}
    found.update(word for case in all_cases(objects) if case.is_open for word in words_of(case.to_dict()))
    return found | runs_of_letters(objects) | runs_of_models(objects)


def _words(objects: Objects, room: str, path: str) -> Iterator[str]:
    value = objects.get_json(path) if path.endswith(layout.JSON) else None
    yield from words_of(value)
    if room == layout.LEDGER and value and isinstance(value.get("verdict"), str):
        yield from _verdict(Path(value["verdict"]))


def _verdict(file: Path) -> Iterator[str]:
    """The words of a report that a proof names: the runs of both sides."""
    try:
        yield from words_of(parsed(file.read_bytes(), is_strict=False))
    except (OSError, ValueError):  # reports are the user's, who may have moved them
        return


def pipelines_to_be_repaired(objects: Objects) -> set[str]:
    """The pipelines of which `doctor --repair` has not found everything again: it looks for that in records of runs."""
    found = set()
    for aside in objects.list(layout.set_aside(layout.CATALOG)):
        path = layout.set_aside_from(aside)
        if not objects.exists(path):
            found.add(layout.pipeline_of(path))
    return found
