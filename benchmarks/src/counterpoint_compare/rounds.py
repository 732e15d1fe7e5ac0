"""Rounds of benchmark runs, one per orchestrator and round; results are kept, so that a restart continues."""

from __future__ import annotations

import hashlib
import json
import logging
import signal
import subprocess
import sys
import time
from functools import cache
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import counterpoint
from counterpoint.errors import ServiceError
from counterpoint.files import put
from counterpoint.processes import die_with_parent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

log = logging.getLogger(__name__)
# what decides a part beside the packages: the kernel's code, and ours
_OURS = (Path(counterpoint.__file__).parent, Path(__file__).parent)


class Progress:
    """Logs the number of each part and the estimated time left; `sides` has the side of each part."""

    def __init__(self, sides: Sequence[str]) -> None:
        self._sides, self._begun, self._taken = tuple(sides), 0, dict[str, float]()

    def held(self, title: str, command: Sequence[str], kept: Path) -> dict[str, Any]:
        """What a command answers, in JSON; it is kept in a file, and not run again while that stands.

        Raises:
            ServiceError: it ended badly; nothing is kept then.
        """
        left, side = self._sides[self._begun :], self._sides[self._begun]
        self._begun += 1
        if kept.exists():
            found: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
            return found
        log.info("[%d/%d] %s%s", self._begun, len(self._sides), title, self._left(left))
        begun = time.monotonic()
        found = _held(command, kept)
        self._taken[side] = time.monotonic() - begun
        return found

    def _left(self, sides: Sequence[str]) -> str:
        """What is left, once it is known of a side with services; another side is taken to need as long."""
        if not self._taken.keys() - {"local"}:
            return ""
        longest = max(self._taken.values())
        return f"; about {sum(self._taken.get(side, longest) for side in sides) / 60:.0f} min left"


def rounds_of(
    orchestrators: tuple[str, ...],
    rounds: int,
    folder: Path,
    python_of: Callable[[str], Path],
    words: tuple[str, ...],
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Holds the bouts that are not kept in `folder` yet, one at a time; returns all of them in order.

    `words` are further arguments of a bout.

    Raises:
        ServiceError: a bout could not be held; those before it are kept.
    """
    progress = progress or Progress(orchestrators * rounds)
    bouts = []
    for number, name in product(range(1, rounds + 1), orchestrators):
        python = python_of(name)
        command = (str(python), "-P", "-m", "counterpoint_compare.benchmark_run", name, *words)
        kept = folder / f"{name}-{number}-{state(name, python, words)}.json"
        bouts.append((f"round {number} of {rounds}: {name}", command, kept))
    with TemporaryDirectory(prefix="counterpoint-prepared-") as prepared:
        # in a process of its own, for all: none of the bouts has imported or computed anything before it begins
        if not all(kept.exists() for *_, kept in bouts):
            _, command, _ = bouts[0]
            _answer((*command, "--prepare", prepared))
        return [progress.held(title, (*command, "--prepared", prepared), kept) for title, command, kept in bouts]


def tours_of(
    orchestrators: tuple[str, ...],
    folder: Path,
    python_of: Callable[[str], Path],
    progress: Progress,
    words: tuple[str, ...] = (),
) -> list[dict[str, Any]]:
    """What a person meets on each side; `words` are further arguments of a tour.

    Raises:
        ServiceError: a tour ended badly; those before it are kept.
    """
    found = []
    for name in orchestrators:
        python = python_of(name)
        kept = folder / f"tour-{name}-{state(name, python, ('tour', *words))}.json"
        command = (str(python), "-P", "-m", "counterpoint_compare.tour", "--on", name, *words)
        found.append(progress.held(f"root cause and backfill: {name}", command, kept))
    return found


def _held(command: Sequence[str], kept: Path) -> dict[str, Any]:
    answer = _answer(command)
    kept.parent.mkdir(parents=True, exist_ok=True)
    put(kept, answer)
    told: dict[str, Any] = json.loads(answer)
    return told


def _answer(command: Sequence[str]) -> str:
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=sys.stderr,
        preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509 - it loads nothing
    )
    try:
        answer, _ = process.communicate()
    except KeyboardInterrupt:
        process.terminate()  # unless it was interrupted, too: it stops its services once
        process.wait()
        raise
    if process.returncode:
        raise ServiceError(f"'{' '.join(command)}' exited with code {process.returncode}: see its output above")
    return answer.decode()


def state(name: str, python: Path, words: tuple[str, ...]) -> str:
    """Names what decides a part, so that one of another release is not taken for it: our code, and the packages."""
    decides = json.dumps([name, words, counterpoint.__version__, packages_of(python), *map(digest_of, _OURS)])
    return hashlib.sha256(decides.encode()).hexdigest()[:12]


@cache
def digest_of(folder: Path) -> str:
    """The digest of the code in a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def packages_of(python: Path) -> dict[str, str]:
    """The version of each package of an environment, by the names of their metadata's folders."""
    folders = python.parent.parent.glob("lib/python*/site-packages/*.dist-info")
    found = (path.name.removesuffix(".dist-info").rpartition("-") for path in folders)
    return {name: version for name, _, version in sorted(found)}
