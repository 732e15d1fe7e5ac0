"""Rounds of benchmark runs, one per orchestrator and round; results are stored, so that a restart continues."""

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
# stored results are only reused for the same code: the kernel's and this package's
_OURS = (Path(counterpoint.__file__).parent, Path(__file__).parent)


class Progress:
    """Runs the parts, and logs the number of each and the estimated time left; `sides` has the side of each part."""

    def __init__(self, sides: Sequence[str]) -> None:
        self._sides, self._started, self._durations = tuple(sides), 0, dict[str, float]()

    def run_or_reuse(self, title: str, command: Sequence[str], stored: Path) -> dict[str, Any]:
        """Runs a command and stores its JSON answer; if the answer is stored already, the command does not run.

        Args:
            title: the title of the part in the log.
            command: the command, which prints one JSON document.
            stored: the file of the answer.

        Raises:
            ServiceError: the command failed; no answer is stored.
        """
        remaining, side = self._sides[self._started :], self._sides[self._started]
        self._started += 1
        if stored.exists():
            document: dict[str, Any] = json.loads(stored.read_text(encoding="utf-8"))
            return document
        log.info("[%d/%d] %s%s", self._started, len(self._sides), title, self._time_left(remaining))
        started = time.monotonic()
        document = _run_and_store(command, stored)
        self._durations[side] = time.monotonic() - started
        return document

    def _time_left(self, sides: Sequence[str]) -> str:
        """The estimated time left, once a side with services was measured; unmeasured sides count like the longest."""
        if not self._durations.keys() - {"local"}:
            return ""
        longest_seconds = max(self._durations.values())
        return f"; about {sum(self._durations.get(side, longest_seconds) for side in sides) / 60:.0f} min left"


def rounds_of(
    orchestrators: tuple[str, ...],
    rounds: int,
    folder: Path,
    python_of: Callable[[str], Path],
    words: tuple[str, ...],
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Executes the benchmark runs that are not stored in `folder` yet, one at a time.

    Args:
        orchestrators: the sides.
        rounds: the number of benchmark runs per side.
        folder: where the results are stored.
        python_of: the interpreter of a side.
        words: further arguments of a benchmark run.
        progress: the progress to continue; by default, a new one.

    Returns:
        The results of all benchmark runs, in order.

    Raises:
        ServiceError: a benchmark run failed; the results before it are stored.
    """
    progress = progress or Progress(orchestrators * rounds)
    benchmarks = []
    for number, name in product(range(1, rounds + 1), orchestrators):
        python = python_of(name)
        command = (str(python), "-P", "-m", "counterpoint_compare.benchmark_run", name, *words)
        stored = folder / f"{name}-{number}-{state(name, python, words)}.json"
        benchmarks.append((f"round {number} of {rounds}: {name}", command, stored))
    with TemporaryDirectory(prefix="counterpoint-prepared-") as prepared:
        # prepared once, in a process of its own, so that each benchmark run starts without imports or computed outputs
        if not all(stored.exists() for *_, stored in benchmarks):
            _, command, _ = benchmarks[0]
            _output_of((*command, "--prepare", prepared))
        return [
            progress.run_or_reuse(title, (*command, "--prepared", prepared), stored)
            for title, command, stored in benchmarks
        ]


def tours_of(
    orchestrators: tuple[str, ...],
    folder: Path,
    python_of: Callable[[str], Path],
    progress: Progress,
    words: tuple[str, ...] = (),
) -> list[dict[str, Any]]:
    """Executes the tour of each side that is not stored in `folder` yet; `words` are further arguments of a tour.

    Raises:
        ServiceError: a tour failed; the results before it are stored.
    """
    tours = []
    for name in orchestrators:
        python = python_of(name)
        stored = folder / f"tour-{name}-{state(name, python, ('tour', *words))}.json"
        command = (str(python), "-P", "-m", "counterpoint_compare.tour", "--on", name, *words)
        tours.append(progress.run_or_reuse(f"root cause and backfill: {name}", command, stored))
    return tours


def _run_and_store(command: Sequence[str], stored: Path) -> dict[str, Any]:
    output = _output_of(command)
    stored.parent.mkdir(parents=True, exist_ok=True)
    put(stored, output)
    document: dict[str, Any] = json.loads(output)
    return document


def _output_of(command: Sequence[str]) -> str:
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=sys.stderr,
        preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509 - it loads nothing
    )
    try:
        output, _ = process.communicate()
    except KeyboardInterrupt:
        process.terminate()  # no harm if it was interrupted, too: it stops its services only once
        process.wait()
        raise
    if process.returncode:
        raise ServiceError(f"'{' '.join(command)}' exited with code {process.returncode}: see its output above")
    return output.decode()


def state(name: str, python: Path, words: tuple[str, ...]) -> str:
    """A digest of the part, our code and the installed packages, so that results of another release are not reused."""
    identity = json.dumps([name, words, counterpoint.__version__, packages_of(python), *map(digest_of, _OURS)])
    return hashlib.sha256(identity.encode()).hexdigest()[:12]


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
    names_and_versions = (path.name.removesuffix(".dist-info").rpartition("-") for path in folders)
    return {name: version for name, _, version in sorted(names_and_versions)}
