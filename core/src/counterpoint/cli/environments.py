"""Finding the environment of an orchestrator, and handing a command over to the Python in it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from counterpoint.adapter import find_adapters
from counterpoint.errors import ServiceError
from counterpoint.processes import die_with_parent


def python_of(orchestrator: str) -> Path:
    """The Python that has the adapter of an orchestrator: this one, or that of the environment beside it.

    The environments of `make setup` lie beside each other: `.venv`, `.venv-airflow`, and so on.
    COUNTERPOINT_PYTHON_AIRFLOW (and so on) names another one.

    Raises:
        ServiceError: there is none; the message holds the command that makes it.
    """
    if orchestrator == "local" or orchestrator in find_adapters():
        return Path(sys.executable)
    named = os.environ.get(f"COUNTERPOINT_PYTHON_{orchestrator.upper()}")
    beside = Path(sys.prefix).parent / f".venv-{orchestrator}" / "bin" / "python"
    found = Path(named) if named else beside
    if not found.exists():
        raise ServiceError(
            f"{orchestrator} is not installed: there is no {found}. Run 'make setup' in the project, or"
            f" 'pip install counterpoint-{orchestrator}' in an environment of your own"
        )
    return found


def hand_over(orchestrator: str, argv: list[str]) -> int | None:
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
