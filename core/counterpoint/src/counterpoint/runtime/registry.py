"""Finding pipelines: by registered name, or as `package.module:object`."""

from __future__ import annotations

import difflib
import os
import sys
from functools import cache
from importlib.metadata import Distribution, entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from counterpoint.errors import UsageError
from counterpoint.model import Pipeline, load

if TYPE_CHECKING:
    from collections.abc import Iterable

# pipelines, and examples: services serve the examples only if no other pipeline is registered
GROUP, EXAMPLES = "counterpoint.pipelines", "counterpoint.examples"
# the environment variable with the folder in which module:object is searched
FOLDER = "COUNTERPOINT_FOLDER"


def registered() -> dict[str, str]:
    """The registered pipelines, including the examples: name to `module:object`."""
    entries = _entries(EXAMPLES) | registered_by_users()
    return {name: entries[name] for name in sorted(entries)}


def registered_by_users() -> dict[str, str]:
    """The registered pipelines, without the examples."""
    return _entries(GROUP)


def _entries(group: str) -> dict[str, str]:
    return {entry.name: entry.value for entry in sorted(entry_points(group=group), key=lambda entry: entry.name)}


def distribution_of(name: str) -> Distribution | None:
    """The distribution that registers a pipeline by that name, or None."""
    entries = [entry for group in (GROUP, EXAMPLES) for entry in entry_points(group=group) if entry.name == name]
    return entries[0].dist if entries else None


@cache
def find_pipeline(name: str) -> Pipeline:
    """The pipeline with that registered name or `package.module:object`.

    Raises:
        UsageError: There is none; a similar name is suggested.
    """
    known = {} if ":" in name else registered()
    if ":" in name:
        _look_in_working_folder()
    if ":" not in name and name not in known:
        suggest = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {suggest[0]!r}?" if suggest else f"registered are: {', '.join(known) or 'none'}"
        raise UsageError(f"no pipeline is called {name!r}: {hint} (or write package.module:object)")
    pipeline = load(known.get(name, name))
    if not isinstance(pipeline, Pipeline):
        raise UsageError(
            f"{name} is a {type(pipeline).__name__}, not a Pipeline: name the object made by Pipeline(...)"
        )
    return pipeline


def name_of(name: str) -> str | None:
    """A pipeline's own name; None when it cannot be loaded here, which is reported where the pipeline is used."""
    try:
        return find_pipeline(name).name
    except Exception:  # noqa: BLE001 - the import of a user's module can raise anything
        return None


def _look_in_working_folder() -> None:
    """Adds the command's working folder to the end of the import path.

    Child processes search this folder, too, even if they work in another one.
    """
    folder = os.environ.setdefault(FOLDER, str(Path.cwd()))
    if folder not in sys.path:
        sys.path.append(folder)


def refuse_shared_steps(names: Iterable[str]) -> None:
    """Refuses pipelines that share a step name, where an orchestrator names assets after steps.

    Raises:
        UsageError: Two of them have a step of the same name.
    """
    owners: dict[str, str] = {}
    for name in names:
        for step in find_pipeline(name).steps:
            other = owners.setdefault(step.name, name)
            if other != name:
                raise UsageError(
                    f"the pipelines {other} and {name} both have a step {step.name}, and here there is one asset of a"
                    f" name: rename one of the two, or serve one alone (--pipeline {name})"
                )
