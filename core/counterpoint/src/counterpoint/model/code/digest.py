"""Digests of the code of steps as it is on disk now; each call checks whether anything has changed."""

from __future__ import annotations

import hashlib
import json
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from counterpoint.errors import DefinitionError
from counterpoint.model.code.disk import Disk
from counterpoint.model.code.finding import search_path
from counterpoint.model.code.walk import Reach, Unfollowed, Walk
from counterpoint.model.code.witness import Look, still

if TYPE_CHECKING:
    from collections.abc import Sequence

    from counterpoint.model.pipelines import Pipeline
    from counterpoint.model.steps import Step


class _CachedReach(NamedTuple):
    seen: dict[str, Look]
    reach: Reach


_REACHES: dict[tuple[object, ...], _CachedReach] = {}
_DISK: list[tuple[object, Disk]] = []


def _disk(search: object) -> Disk:
    """The cache of what was found and read, if it is all unchanged on disk; else an empty one."""
    if not _DISK or _DISK[0][0] != search or not still(_DISK[0][1].seen):
        _DISK[:] = [(search, Disk())]
    return _DISK[0][1]


def reach_of(references: Sequence[str], declared: Sequence[str] = ()) -> Reach:
    """The code that functions (`module:name`) reach now.

    Raises:
        DefinitionError: A module does not exist, or a declared pattern matches nothing.
    """
    key = (tuple(references), tuple(declared), tuple(search_path()), len(sys.meta_path))
    cached = _REACHES.get(key)
    if cached is None or not still(cached.seen):
        walk = Walk(references, declared, disk=_disk(key[2]))
        try:
            cached = _REACHES[key] = _CachedReach(walk.seen, walk.reach())
        except OSError as error:
            raise DefinitionError(f"the code of {references[0]} cannot be read: {error}; make it readable") from error
    return cached.reach


def code_digest(reference: str) -> str:
    """A digest of the user's own code that a function reaches, and of the versions of the imported distributions."""
    return _digest([reference.partition(":")[0]], reach_of([reference]), versions=True)


def references_of(step: Step) -> list[str]:
    """The functions that decide an output: the step's own, its partial ones, its contract."""
    partials = [step_input.partial for step_input in step.inputs if step_input.partial]
    return [step.function, *partials, *([step.output.contract] if step.output.contract else [])]


def code_of(step: Step) -> str:
    """The digest of the code of a step, its partial functions and its contract, and of how the step uses them."""
    return _digest(_form(step), step_reach(step), versions=True)


def own_code_of(step: Step) -> str:
    """The digest without versions, which is equal in every environment with the same user code."""
    return _digest(_form(step), step_reach(step), versions=False)


def step_reach(step: Step) -> Reach:
    """The code that a step reaches now, including what it declares."""
    return reach_of(references_of(step), step.code)


def unfollowed(pipeline: Pipeline) -> list[dict[str, Any]]:
    """The places in the code of a pipeline's steps that cannot be followed and are not declared, each once.

    Each has file, line, text (the expression there), why, and the steps that reach it.
    """
    steps_by_place: dict[Unfollowed, list[str]] = {}
    for step in pipeline.steps:
        for place in step_reach(step).unfollowed:
            steps_by_place.setdefault(place, []).append(step.name)
    return [
        {"file": str(u.file), "line": u.spot.line, "text": u.spot.text, "why": u.spot.why, "steps": steps}
        for u, steps in steps_by_place.items()
    ]


def _form(step: Step) -> object:
    """The parts of a step's description that decide its output, besides settings and inputs."""
    output = step.output
    partials = {step_input.parameter: step_input.partial for step_input in step.inputs if step_input.partial}
    output_form = [output.kind.value, output.contract, sorted(output.choices), output.partitioned]
    return [step.function, partials, output_form, step.map_over, sorted(step.provided)]


def _digest(form: object, reach: Reach, *, versions: bool) -> str:
    parts = [form, reach.own, reach.versions if versions else {}]
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
