"""Finds the orchestrators by the adapters that are installed or offered; there is no list of names."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import cache
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, requires, version

# the local runner, which is not an orchestrator
LOCAL = "local"
GROUP = "counterpoint.adapters"
_EXTRA = re.compile(r"""counterpoint-([\w-]+)\b.*;.*extra == ["']\1["']""")


def find_adapters() -> dict[str, EntryPoint]:
    """The adapters that are installed in this environment, by name, not loaded."""
    return {entry.name: entry for entry in entry_points(group=GROUP)}


@cache
def offered() -> tuple[str, ...]:
    """The orchestrators whose adapters are extras of this distribution, installed or not."""
    with suppress(PackageNotFoundError):
        matches = (_EXTRA.match(requirement) for requirement in requires("counterpoint") or ())
        return tuple(match[1] for match in matches if match)
    return ()


def installed_version(distribution: str) -> str | None:
    """The installed version of a distribution in this environment, without importing it."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def version_of(orchestrator: str) -> str | None:
    """The version of an orchestrator, or of Counterpoint for `local`; None if the adapter is not installed here."""
    if orchestrator == LOCAL:
        return installed_version("counterpoint")
    entry_point = find_adapters().get(orchestrator)
    return installed_version(entry_point.load().distribution) if entry_point else None
