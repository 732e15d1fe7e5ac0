"""Finding a run below a root: by its run id, by the orchestrator's own name of it, or by how either begins."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from counterpoint.errors import UsageError
from counterpoint.runtime.registry import find_pipeline, registered
from counterpoint.services.service_environments import remembered
from counterpoint.storage import layout

if TYPE_CHECKING:
    from counterpoint.model import Pipeline
    from counterpoint.storage.objects import Objects

# the first characters that orchestrators show of a run's name
_LEAST = 8
_SHOWN = 5
Place = tuple[str, str]


def find_run(objects: Objects, subject: str) -> Place:
    """The pipeline's name and the run id of a run.

    Raises:
        UsageError: there is no such run, or the name fits several; the message names near ones.
    """
    pipeline, _, name = subject.rpartition("::")
    pipelines = [one for one in objects.folders(layout.RUNS) if pipeline in {"", one}]
    runs = {(one, run) for one in pipelines for run in objects.folders(layout.runs_folder(one))}
    # a run that its orchestrator began is called by both names, ORCHESTRATOR-NATIVE
    found = {place for place in runs if name in {place[1], _native(place[1])}} or _by_native_name(objects, subject)
    found = found or {place for place in runs if _begins(place[1], name)}
    if len(found) == 1:
        return found.pop()
    if found:
        several = ", ".join(sorted(run for _, run in found)[:_SHOWN])
        raise UsageError(f"{subject!r} fits {len(found)} runs below {objects.root}: {several}; write more of it")
    raise UsageError(f"no run is called {subject!r} below {objects.root}: {_near(name, [run for _, run in runs])}")


def _begins(run_id: str, name: str) -> bool:
    return len(name) >= _LEAST and (run_id.startswith(name) or _native(run_id).startswith(name))


def _native(run_id: str) -> str:
    return run_id.partition("-")[2]


def _by_native_name(objects: Objects, name: str) -> set[Place]:
    known = map(layout.native_run_of, objects.list(layout.NATIVES))
    fitting = [native for native in known if native == name or (len(name) >= _LEAST and native.startswith(name))]
    told = (objects.get_json(layout.native_run(native)) for native in fitting)
    return {(one["pipeline"], one["run_id"]) for one in told if one}


def _near(name: str, known: list[str]) -> str:
    suggest = difflib.get_close_matches(name, known, _SHOWN, 0.5)
    if suggest:
        return f"did you mean {', '.join(suggest)}?"
    return f"the last ones are {', '.join(sorted(known)[-_SHOWN:])}" if known else "there is none yet; look at --root"


def pipeline_called(root: str, name: str) -> tuple[str, Pipeline]:
    """The pipeline of that name, and what it is found as: registered, or served on one of the root's targets.

    Raises:
        UsageError: it is neither.
    """
    for one in (*registered(), *remembered(root)):
        found = find_pipeline(one)
        if found.name == name:
            return one, found
    return name, find_pipeline(name)
