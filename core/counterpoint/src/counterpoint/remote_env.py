"""Asking the Python of another environment, by code that prints its answer as JSON."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING, Any

from counterpoint.errors import ServiceError
from counterpoint.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_LACKED = re.compile(r"No module named '?(counterpoint\w+)")
_ASK = "import json, sys; from counterpoint.adapter import find_adapter, installed_version as version_of;"
_ASK += " adapter = find_adapter(sys.argv[1]); print(json.dumps(%s))"


class UnusableError(ServiceError):
    """An adapter cannot be used in its environment: `place` is that folder, `why` the last line that it said."""

    def __init__(self, name: str, python: Path, why: str) -> None:
        super().__init__(f"the adapter of {name} in {python} cannot be asked: {why}")
        self.place, self.why = python.parent.parent, why


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
        if lacked := _LACKED.search(said):
            raise ServiceError(f"{unasked}: {command[0]} lacks {lacked[1].replace('_', '-')}: install it there, too")
        raise refused(done.returncode, said)
    return json.loads(done.stdout)


def asked_of_adapter(name: str, python: Path, what: str) -> Any:
    """What an adapter is asked where it is installed.

    Args:
        name: The adapter's name.
        python: The Python of the environment that has it.
        what: An expression over the `adapter` and `version_of`, whose value is JSON's.

    Raises:
        ServiceError: It did not answer within a minute.
        UnusableError: It cannot be used there.
    """

    def refused(_: int, said: str) -> UnusableError:
        return UnusableError(name, python, redacted(said))

    return asked([str(python), "-P", "-c", _ASK % what, name], 60, f"the adapter of {name} was not asked", refused)
