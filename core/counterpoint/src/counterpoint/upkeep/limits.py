"""How long the records of a root's runs are kept: as the command says, else as each pipeline does."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from counterpoint.commands import command
from counterpoint.errors import UsageError
from counterpoint.model.lengths import kept_for
from counterpoint.runtime import find_pipeline
from counterpoint.storage import layout
from counterpoint.storage.objects import Objects
from counterpoint.upkeep.surveying import run_at

if TYPE_CHECKING:
    from counterpoint.model import Pipeline

OPTION = "--older-than"


def limits_of(root: str, older_than: str | None) -> tuple[dict[str, timedelta], dict[str, str]]:
    """The limit of each pipeline that was run below a root, and why others have none.

    Raises:
        UsageError: neither the command nor a pipeline says one, or it is no length of time.
    """
    objects = Objects(root)
    names = objects.folders(layout.RUNS)
    if older_than is not None:
        return dict.fromkeys(names, kept_for(older_than, OPTION)), {}
    found, without = dict[str, timedelta](), dict[str, str]()
    for name in names:
        try:
            retain = _pipeline(objects, name).retain
        except Exception as error:  # noqa: BLE001 - whatever somebody's module does when it is imported
            without[name] = f"cannot be loaded here: {error}"
            continue
        if retain is None:
            without[name] = "has no retain"
        else:
            found[name] = kept_for(retain, "retain")
    if not found:
        told = "".join(f"; {name} {why}" for name, why in without.items())
        again = command("doctor", "--clean", OPTION, "90d", root=root)
        raise UsageError(
            f"nothing says how long records of runs are kept{told}: '{again}', or Pipeline(retain=\"90d\")"
        )
    return found, without


def _pipeline(objects: Objects, name: str) -> Pipeline:
    """A pipeline as its newest run that tells it found it."""
    for run_id in sorted(objects.folders(layout.runs_folder(name)), reverse=True):
        called = run_at(objects, name, run_id, frozenset()).called
        if called is not None:
            return find_pipeline(called)
    return find_pipeline(name)
