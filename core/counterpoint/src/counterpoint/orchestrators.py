"""Which orchestrators there are: by the adapters that are installed or offered, and by no list of names."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import cache
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, requires, version

# the runner of this machine, which is no orchestrator
LOCAL = "local"
GROUP = "counterpoint.adapters"
_EXTRA = re.compile(r"""counterpoint-([\w-]+)\b.*;.*extra == ["']\1["']""")


def find_adapters() -> dict[str, EntryPoint]:
    """The adapters that are installed in this environment, by name, not loaded."""
    return {entry.name: entry for entry in entry_points(group=GROUP)}


@cache
def offered() -> tuple[str, ...]:
    """The orchestrators for which this distribution names an adapter as an extra, whether it is installed or not."""
    with suppress(PackageNotFoundError):
        found = (_EXTRA.match(wanted) for wanted in requires("counterpoint") or ())
        return tuple(extra[1] for extra in found if extra)
    return ()


def installed_version(distribution: str) -> str | None:
    """The installed version of a distribution in this environment, without importing it."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def version_of(orchestrator: str) -> str | None:
    """The version of what runs steps under an orchestrator's name; None where its adapter is not installed here."""
    if orchestrator == LOCAL:
        return installed_version("counterpoint")
    found = find_adapters().get(orchestrator)
    return installed_version(found.load().distribution) if found else None
