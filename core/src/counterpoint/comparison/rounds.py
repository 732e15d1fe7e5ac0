"""Rounds of bouts: each orchestrator once a round, in turn; what was measured is kept, and a second start goes on."""

from __future__ import annotations

import hashlib
import json
import logging
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any

import counterpoint
from counterpoint.comparison.report import put
from counterpoint.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)


def rounds_of(
    orchestrators: tuple[str, ...], rounds: int, folder: Path, python_of: Callable[[str], Path], words: tuple[str, ...]
) -> list[dict[str, Any]]:
    """Holds the bouts that are not kept in `folder` yet, one at a time; returns all of them in order.

    `words` are further arguments of a bout.

    Raises:
        ServiceError: a bout could not be held; those before it are kept.
    """
    asked = [(number, name) for number in range(1, rounds + 1) for name in orchestrators]
    found, taken = [], list[float]()
    for place, (number, name) in enumerate(asked, 1):
        python = python_of(name)
        kept = folder / f"{name}-{number}-{_state(name, python, words)}.json"
        if kept.exists():
            found.append(json.loads(kept.read_text(encoding="utf-8")))
            continue
        left = f"; about {mean(taken) * (len(asked) - place + 1) / 60:.0f} min left" if taken else ""
        log.info("[%d/%d] round %d of %d: %s%s", place, len(asked), number, rounds, name, left)
        begun = time.monotonic()
        found.append(_held(python, name, words, kept))
        taken.append(time.monotonic() - begun)
    return found


def _held(python: Path, name: str, words: tuple[str, ...], kept: Path) -> dict[str, Any]:
    command = [str(python), "-m", "counterpoint.comparison.bout", name, *words]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=sys.stderr)
    try:
        answer, _ = process.communicate()
    except KeyboardInterrupt:
        process.wait()  # it was interrupted, too, and stops its services
        raise
    if process.returncode:
        raise ServiceError(f"'{' '.join(command)}' ended with code {process.returncode}: what it said stands above")
    kept.parent.mkdir(parents=True, exist_ok=True)
    put(kept, answer.decode())
    told: dict[str, Any] = json.loads(answer)
    return told


def _state(name: str, python: Path, words: tuple[str, ...]) -> str:
    """Names what decides a bout, so that one of another release is not taken for it: our code, and the packages."""
    decides = json.dumps([name, words, counterpoint.__version__, _packages(python), _code()])
    return hashlib.sha256(decides.encode()).hexdigest()[:12]


@cache
def _code() -> str:
    """The digest of our code."""
    digest = hashlib.sha256()
    for path in sorted(Path(counterpoint.__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _packages(python: Path) -> str:
    """The packages of an environment, by the names of their metadata's folders."""
    return " ".join(sorted(path.name for path in python.parent.parent.glob("lib/python*/site-packages/*.dist-info")))
