"""Whether the code that this process has loaded is what stands on disk: a digest must be of the code that runs."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from counterpoint.model.code.walk import Reach

# a module that is here, and of which nothing better is known, was not loaded before this moment, or just before it
_SINCE = time.time_ns()
_LOADED: dict[str, int] = {}


@contextmanager
def loading() -> Iterator[None]:
    """Remembers of the modules that are loaded in the block that it was not before its begin."""
    before, begun = set(sys.modules), time.time_ns()
    try:
        yield
    finally:
        _LOADED.update(dict.fromkeys(sys.modules.keys() - before, begun))


def outdated(reach: Reach) -> list[str]:
    """The modules that this process has loaded, and that may have been changed on disk since."""
    modules = [*reach.files.items(), *reach.metadata.values()]
    return sorted(name for name, file in modules if name in sys.modules and _changed(file) > _LOADED.get(name, _SINCE))


def _changed(file: Path) -> int:
    try:
        state = os.stat(file)  # noqa: PTH116 - as the digests look
    except OSError:
        return time.time_ns()
    # a copy may keep the time of the original, but not that of the change
    return max(state.st_mtime_ns, state.st_ctime_ns)
