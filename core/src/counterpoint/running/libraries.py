"""Which libraries the steps of a pipeline were seen to import, kept below the root: the next run has them early."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from counterpoint.files import put
from counterpoint.running.forking import preloaded
from counterpoint.running.known import find_pipeline

if TYPE_CHECKING:
    from collections.abc import Collection

    from counterpoint.model import RunRequest


def learned(request: RunRequest, *, limited: bool = False) -> tuple[str, ...]:
    """What the steps of a run were seen to import, of the libraries that may be imported before a fork.

    With `limited`, only those of steps that have a time-out: the others run in the process of their task.
    """
    known = _read(request)
    steps = set(known).intersection(request.steps or known)
    if known and limited:
        steps &= {step.name for step in find_pipeline(request.pipeline).steps if step.timeout}
    seen = {name for step in steps for name in known[step]}
    return tuple(name for name in preloaded() if name in seen)


def learn(request: RunRequest, step: str, names: Collection[str]) -> None:
    """Keeps what a step was seen to import. Two at once may lose what one of them has seen, until it is seen again."""
    file, known = _file(request), _read(request)
    if file is None or set(names) <= set(known.get(step, ())):
        return
    known[step] = sorted({*known.get(step, ()), *names})
    with suppress(OSError):  # it costs time, and nothing else
        file.parent.mkdir(parents=True, exist_ok=True)
        put(file, json.dumps(known, indent=1))


def _read(request: RunRequest) -> dict[str, list[str]]:
    file = _file(request)
    with suppress(OSError, ValueError):
        found = json.loads(file.read_text(encoding="utf-8")) if file else {}
        if isinstance(found, dict):
            return found
    return {}


def _file(request: RunRequest) -> Path | None:
    """Beside the homes of the services; None where the root is no local folder."""
    if "://" in request.root:
        return None
    name = re.sub(r"[^\w.-]", "-", request.pipeline)
    return Path(request.root) / "services" / "libraries" / f"{name}.json"
