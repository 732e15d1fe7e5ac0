"""Finding pipelines: by registered name, or as `package.module:object`."""

from __future__ import annotations

import difflib
import os
import sys
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from counterpoint.errors import UsageError
from counterpoint.model import Pipeline, load

if TYPE_CHECKING:
    from collections.abc import Iterable

# pipelines, and those that are only there to be tried: services serve these where there are no others
GROUP, EXAMPLES = "counterpoint.pipelines", "counterpoint.examples"
# the folder in which PIPELINE as module:object is looked for
FOLDER = "COUNTERPOINT_FOLDER"


def registered() -> dict[str, str]:
    """The registered pipelines, examples, too: name to `module:object`."""
    found = _entries(EXAMPLES) | registered_by_users()
    return {name: found[name] for name in sorted(found)}


def registered_by_users() -> dict[str, str]:
    """Those of them that are no examples."""
    return _entries(GROUP)


def _entries(group: str) -> dict[str, str]:
    return {entry.name: entry.value for entry in sorted(entry_points(group=group), key=lambda entry: entry.name)}


@cache
def find_pipeline(name: str) -> Pipeline:
    """The pipeline of that registered name or `package.module:object`.

    Raises:
        UsageError: there is none; a near name is suggested.
    """
    known = {} if ":" in name else registered()
    if ":" in name:
        _look_in_working_folder()
    if ":" not in name and name not in known:
        suggest = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {suggest[0]!r}?" if suggest else f"registered are: {', '.join(known) or 'none'}"
        raise UsageError(f"no pipeline is called {name!r}: {hint} (or write package.module:object)")
    found = load(known.get(name, name))
    if not isinstance(found, Pipeline):
        raise UsageError(f"{name} is a {type(found).__name__}, not a Pipeline: name the object made by Pipeline(...)")
    return found


def name_of(name: str) -> str | None:
    """A pipeline's own name; None when it cannot be loaded here, which is said when it is looked at."""
    try:
        return find_pipeline(name).name
    except Exception:  # noqa: BLE001 - whatever somebody's module does when it is imported
        return None


def _look_in_working_folder() -> None:
    """Has modules found in the folder that the command was given in, after all that is installed.

    Processes that it starts look there, too, whatever folder they work in.
    """
    folder = os.environ.setdefault(FOLDER, str(Path.cwd()))
    if folder not in sys.path:
        sys.path.append(folder)


def refuse_shared_steps(names: Iterable[str]) -> None:
    """Refuses pipelines that cannot be served beside each other where a step's name is that of its asset.

    Raises:
        UsageError: two of them have a step of one name.
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
