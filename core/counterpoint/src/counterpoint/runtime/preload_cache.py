"""The libraries that steps have imported, stored below the root so that the next run imports them before it forks."""

from __future__ import annotations

import json
import os
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from counterpoint.documents import parsed
from counterpoint.files import put
from counterpoint.runtime.forkserver_client import Libraries
from counterpoint.storage import layout
from counterpoint.storage.shapes import fits

if TYPE_CHECKING:
    from collections.abc import Collection

    from counterpoint.model import RunRequest

# the environment variable that names other libraries than PRELOADED; empty for none
PRELOAD = "COUNTERPOINT_PRELOAD"
PRELOADED = (
    "polars",
    "pyarrow",
    "deltalake",
    "pandera.polars",
    "pandera.backends.polars.register",
    "torch",
    "torch._inductor",  # imported by deterministic mode, and half of it by every optimizer
    "mlflow",
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.store.model_registry.sqlalchemy_store",
)


def preloaded() -> tuple[str, ...]:
    """The libraries to import before a fork once a step has used them; none on other systems than Linux."""
    if sys.platform != "linux":
        return ()
    named = os.environ.get(PRELOAD)
    return PRELOADED if named is None else tuple(named.split(","))


def learned(request: RunRequest, step: str) -> Libraries:
    """The libraries to import before a fork: those that the step has used, and those of the run's other steps."""
    used_by_step = _read(request)
    own = set(used_by_step.get(step, ()))
    of_run = {
        name
        for member in set(used_by_step).intersection(request.steps or used_by_step)
        for name in used_by_step[member]
    }
    first, later = (tuple(name for name in preloaded() if name in names) for names in (own, of_run - own))
    return Libraries(first, later)


def learn(request: RunRequest, step: str, names: Collection[str]) -> None:
    """Stores the libraries that a step has imported. Concurrent writers may lose entries until these are seen again."""
    file = _file(request)
    if file is None or not names:
        return
    used_by_step = _read(request)
    if set(names) <= set(used_by_step.get(step, ())):
        return
    used_by_step[step] = sorted({*used_by_step.get(step, ()), *names})
    with suppress(OSError):  # without the file the next run only takes longer
        file.parent.mkdir(parents=True, exist_ok=True)
        put(file, json.dumps(used_by_step, indent=1))


def _read(request: RunRequest) -> dict[str, list[str]]:
    file = _file(request)
    with suppress(OSError, ValueError):
        stored = parsed(file.read_bytes()) if file else {}
        if fits(stored, {str: [str]}):
            return dict(stored)
    return {}


def _file(request: RunRequest) -> Path | None:
    """The path of the cache, beside the homes of the services; None if the root is no local folder."""
    if "://" in request.root:
        return None
    name = re.sub(r"[^\w.-]", "-", request.pipeline)
    return Path(request.root) / layout.learned_libraries(name)
