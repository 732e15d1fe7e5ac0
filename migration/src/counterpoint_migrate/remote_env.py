"""Asking the Python of another environment, by a module that prints its answer as JSON."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

from counterpoint.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def asked(command: Sequence[str], seconds: float, unasked: str, refused: Callable[[int, str], Exception]) -> Any:
    """What a command prints, from JSON.

    Raises:
        ServiceError: it did not start or end within some seconds; `unasked` says what could not be asked.
        Exception: it ended badly: what `refused` makes of its exit code and the last line that it said.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ServiceError(f"{unasked}: {command[0]}: {error}") from error
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        if "No module named counterpoint_migrate" in said:
            raise ServiceError(f"{unasked}: {command[0]} lacks counterpoint-migrate: install it there, too")
        raise refused(done.returncode, said)
    return json.loads(done.stdout)
