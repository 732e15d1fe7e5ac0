"""Which libraries steps were seen to import, kept below the root: the next run has them before it forks its steps."""

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

# names other libraries in place of PRELOADED; empty for none
PRELOAD = "COUNTERPOINT_PRELOAD"
PRELOADED = (
    "polars",
    "pyarrow",
    "deltalake",
    "pandera.polars",
    "pandera.backends.polars.register",
    "torch",
    "torch._inductor",  # what makes it deterministic imports it, and every optimizer half of it
    "mlflow",
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.store.model_registry.sqlalchemy_store",
)


def preloaded() -> tuple[str, ...]:
    """The libraries that are imported before the fork once a step was seen to use them: on Linux only."""
    if sys.platform != "linux":
        return ()
    named = os.environ.get(PRELOAD)
    return PRELOADED if named is None else tuple(named.split(","))


def learned(request: RunRequest, step: str) -> Libraries:
    """What a step and the others of its run were seen to import, of what may be imported before a fork."""
    known = _read(request)
    own = set(known.get(step, ()))
    seen = {name for other in set(known).intersection(request.steps or known) for name in known[other]}
    first, later = (tuple(name for name in preloaded() if name in names) for names in (own, seen - own))
    return Libraries(first, later)


def learn(request: RunRequest, step: str, names: Collection[str]) -> None:
    """Keeps what a step was seen to import. Two at once may lose what one of them has seen, until it is seen again."""
    file = _file(request)
    if file is None or not names:
        return
    known = _read(request)
    if set(names) <= set(known.get(step, ())):
        return
    known[step] = sorted({*known.get(step, ()), *names})
    with suppress(OSError):  # it costs time, and nothing else
        file.parent.mkdir(parents=True, exist_ok=True)
        put(file, json.dumps(known, indent=1))


def _read(request: RunRequest) -> dict[str, list[str]]:
    file = _file(request)
    with suppress(OSError, ValueError):
        found = parsed(file.read_bytes()) if file else {}
        if fits(found, {str: [str]}):
            return dict(found)
    return {}


def _file(request: RunRequest) -> Path | None:
    """Beside the homes of the services; None where the root is no local folder."""
    if "://" in request.root:
        return None
    name = re.sub(r"[^\w.-]", "-", request.pipeline)
    return Path(request.root) / layout.learned_libraries(name)
