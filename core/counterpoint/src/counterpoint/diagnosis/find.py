"""Finds a run below a root by its run id, by the orchestrator's own id of it, or by a prefix of either."""

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

# the number of characters of a run's id that orchestrators show
_LEAST = 8
_SHOWN = 5
Place = tuple[str, str]


def find_run(objects: Objects, subject: str) -> Place:
    """The pipeline's name and the run id of a run.

    Raises:
        UsageError: there is no such run, or the name fits several; the message names similar ones.
    """
    pipeline, _, name = subject.rpartition("::")
    pipelines = [folder for folder in objects.folders(layout.RUNS) if pipeline in {"", folder}]
    runs = {(folder, run) for folder in pipelines for run in objects.folders(layout.runs_folder(folder))}
    # the id of a run that its orchestrator started holds both names: ORCHESTRATOR-NATIVE
    matches = {place for place in runs if name in {place[1], _native(place[1])}} or _by_native_name(objects, subject)
    matches = matches or {place for place in runs if _begins(place[1], name)}
    if len(matches) == 1:
        return matches.pop()
    if matches:
        several = ", ".join(sorted(run for _, run in matches)[:_SHOWN])
        raise UsageError(f"{subject!r} fits {len(matches)} runs below {objects.root}: {several}; write more of it")
    raise UsageError(f"no run is called {subject!r} below {objects.root}: {_near(name, [run for _, run in runs])}")


def _begins(run_id: str, name: str) -> bool:
    return len(name) >= _LEAST and (run_id.startswith(name) or _native(run_id).startswith(name))


def _native(run_id: str) -> str:
    return run_id.partition("-")[2]


def _by_native_name(objects: Objects, name: str) -> set[Place]:
    known = map(layout.native_run_of, objects.list(layout.NATIVES))
    fitting = [native for native in known if native == name or (len(name) >= _LEAST and native.startswith(name))]
    documents = (objects.get_json(layout.native_run(native)) for native in fitting)
    return {(document["pipeline"], document["run_id"]) for document in documents if document}


def _near(name: str, known: list[str]) -> str:
    suggest = difflib.get_close_matches(name, known, _SHOWN, 0.5)
    if suggest:
        return f"did you mean {', '.join(suggest)}?"
    return f"the last ones are {', '.join(sorted(known)[-_SHOWN:])}" if known else "there is none yet; look at --root"


def pipeline_called(root: str, name: str) -> tuple[str, Pipeline]:
    """The name by which a pipeline is found (registered, or served on one of the root's targets), and the pipeline.

    Raises:
        UsageError: the pipeline is neither registered nor served.
    """
    for known_name in (*registered(), *remembered(root)):
        pipeline = find_pipeline(known_name)
        if pipeline.name == name:
            return known_name, pipeline
    return name, find_pipeline(name)
