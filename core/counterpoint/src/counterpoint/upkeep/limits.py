"""The retention of run records below a root: by the command's option, otherwise by each pipeline."""

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
    """The limit of each pipeline that was run below a root, and the reasons why others have none.

    Raises:
        UsageError: neither the command nor a pipeline gives a limit, or it is no length of time.
    """
    objects = Objects(root)
    names = objects.folders(layout.RUNS)
    if older_than is not None:
        return dict.fromkeys(names, kept_for(older_than, OPTION)), {}
    limits, without = dict[str, timedelta](), dict[str, str]()
    for name in names:
        try:
            retain = _pipeline(objects, name).retain
        except Exception as error:  # noqa: BLE001 - the import of a pipeline's module may raise anything
            without[name] = f"cannot be loaded here: {error}"
            continue
        if retain is None:
            without[name] = "has no retain"
        else:
            limits[name] = kept_for(retain, "retain")
    if not limits:
        reasons = "".join(f"; {name} {why}" for name, why in without.items())
        fix = command("doctor", "--clean", OPTION, "90d", root=root)
        raise UsageError(
            f"nothing says how long records of runs are kept{reasons}: '{fix}', or Pipeline(retain=\"90d\")"
        )
    return limits, without


def _pipeline(objects: Objects, name: str) -> Pipeline:
    """A pipeline, found by the name that its newest run recorded."""
    for run_id in sorted(objects.folders(layout.runs_folder(name)), reverse=True):
        called = run_at(objects, name, run_id, frozenset()).called
        if called is not None:
            return find_pipeline(called)
    return find_pipeline(name)
