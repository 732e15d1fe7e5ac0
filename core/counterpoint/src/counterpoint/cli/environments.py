"""Finds the environment of an orchestrator, and runs a command with the Python in it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING

from counterpoint.errors import ServiceError
from counterpoint.orchestrators import GROUP, LOCAL, find_adapters, offered
from counterpoint.processes import die_with_parent

if TYPE_CHECKING:
    from collections.abc import Iterator

_BESIDE, _NAMED = ".venv-", "COUNTERPOINT_PYTHON_"


class Sides:
    """The choices of an orchestrator on a command line, which are looked up only when a value is given."""

    def __init__(self, *others: str) -> None:
        self._others = others

    def __iter__(self) -> Iterator[str]:
        return iter((*self._others, *known()))

    def __contains__(self, name: object) -> bool:
        return name in tuple(self)


ORCHESTRATORS, SIDES = Sides(), Sides(LOCAL)


@cache
def known() -> tuple[str, ...]:
    """The orchestrators that this distribution offers, and those with an adapter here or in a sibling environment."""
    beside = (place.parents[1] for place in Path(sys.prefix).parent.glob(f"{_BESIDE}*/bin/python"))
    named = (name.removeprefix(_NAMED).lower() for name in os.environ if name.startswith(_NAMED))
    others = {place.name.removeprefix(_BESIDE): place for place in beside}
    available = {*find_adapters(), *named, *(name for name, place in others.items() if _has_adapter(place, name))}
    return tuple(dict.fromkeys((*offered(), *sorted(available))))


def _has_adapter(environment: Path, name: str) -> bool:
    """Whether an environment has an adapter of that name; environments of other projects can have such names too."""
    if name in offered():
        return True
    folders = map(str, environment.glob("lib/python*/site-packages"))
    points = (point for package in distributions(path=list(folders)) for point in package.entry_points)
    return any((point.group, point.name) == (GROUP, name) for point in points)


def python_of(orchestrator: str) -> Path:
    """The Python with the adapter of an orchestrator: this one, or that of the sibling environment.

    The environments of `make setup` lie beside each other: `.venv`, `.venv-airflow`, and so on.
    COUNTERPOINT_PYTHON_AIRFLOW (and so on) names another one.

    Raises:
        ServiceError: there is none; the message holds the command that creates it.
    """
    if orchestrator == LOCAL or orchestrator in find_adapters():
        return Path(sys.executable)
    named = os.environ.get(f"{_NAMED}{orchestrator.upper()}")
    beside = Path(sys.prefix).parent / f"{_BESIDE}{orchestrator}" / "bin" / "python"
    python = Path(named) if named else beside
    if not python.exists():
        raise ServiceError(
            f"{orchestrator} is not installed: there is no {python}. Run 'make setup' in the project, or"
            f" 'pip install counterpoint-{orchestrator}' in an environment of your own"
        )
    return python


def reexec(orchestrator: str, argv: list[str]) -> int | None:
    """Runs this command line in the orchestrator's environment; None when that is the one we are in.

    However this process ends, the other is then asked to end, too.
    """
    python = python_of(orchestrator)
    if python == Path(sys.executable):
        return None
    process = subprocess.Popen(
        [str(python), "-P", "-m", "counterpoint", *argv],
        preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509 - no threads here
    )
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.terminate()
