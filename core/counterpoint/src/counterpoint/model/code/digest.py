"""Digests of the code of steps, of what stands on disk now: each time it is looked whether anything was changed."""

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


class _Kept(NamedTuple):
    seen: dict[str, Look]
    reach: Reach


_KEPT: dict[tuple[object, ...], _Kept] = {}
_DISK: list[tuple[object, Disk]] = []


def _disk(search: object) -> Disk:
    """What was found and read already, if all of that still stands as it did; else nothing."""
    if not _DISK or _DISK[0][0] != search or not still(_DISK[0][1].seen):
        _DISK[:] = [(search, Disk())]
    return _DISK[0][1]


def reach_of(references: Sequence[str], declared: Sequence[str] = ()) -> Reach:
    """What functions (`module:name`) reach now.

    Raises:
        DefinitionError: a module is not there, or a declared pattern matches nothing.
    """
    key = (tuple(references), tuple(declared), tuple(search_path()), len(sys.meta_path))
    kept = _KEPT.get(key)
    if kept is None or not still(kept.seen):
        walk = Walk(references, declared, disk=_disk(key[2]))
        try:
            kept = _KEPT[key] = _Kept(walk.seen, walk.reach())
        except OSError as error:
            raise DefinitionError(f"the code of {references[0]} cannot be read: {error}; make it readable") from error
    return kept.reach


def code_digest(reference: str) -> str:
    """A digest of the user's own code that a function reaches, and of the versions of what that imports."""
    return _digest([reference.partition(":")[0]], reach_of([reference]), versions=True)


def references_of(step: Step) -> list[str]:
    """The functions that decide an output: the step's own, its partial ones, its contract."""
    partials = [given.partial for given in step.inputs if given.partial]
    return [step.function, *partials, *([step.output.contract] if step.output.contract else [])]


def code_of(step: Step) -> str:
    """The digest of the code of a step, its partial functions and its contract, and of how the step uses them."""
    return _digest(_form(step), step_reach(step), versions=True)


def own_code_of(step: Step) -> str:
    """The same without versions: it is the same in every environment that has the user's code."""
    return _digest(_form(step), step_reach(step), versions=False)


def step_reach(step: Step) -> Reach:
    """What a step reaches now, with what it declares."""
    return reach_of(references_of(step), step.code)


def unfollowed(pipeline: Pipeline) -> list[dict[str, Any]]:
    """The places in the code of a pipeline's steps that cannot be followed and are not declared, each once.

    Each has file, line, text (the expression there), why, and the steps that reach it.
    """
    found: dict[Unfollowed, list[str]] = {}
    for step in pipeline.steps:
        for place in step_reach(step).unfollowed:
            found.setdefault(place, []).append(step.name)
    return [
        {"file": str(u.file), "line": u.spot.line, "text": u.spot.text, "why": u.spot.why, "steps": steps}
        for u, steps in found.items()
    ]


def _form(step: Step) -> object:
    """What of a step's description decides its output, beside settings and inputs."""
    output = step.output
    partials = {given.parameter: given.partial for given in step.inputs if given.partial}
    kept = [output.kind.value, output.contract, sorted(output.choices), output.partitioned]
    return [step.function, partials, kept, step.map_over, sorted(step.provided)]


def _digest(form: object, reach: Reach, *, versions: bool) -> str:
    made_of = [form, reach.own, reach.versions if versions else {}]
    text = json.dumps(made_of, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
