"""Runs code in the Python of another environment and reads its answer, which is printed as JSON."""

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

_MISSING_MODULE = re.compile(r"No module named '?(counterpoint\w+)")
_QUERY = "import json, sys; from counterpoint.adapter import find_adapter, installed_version as version_of;"
_QUERY += " adapter = find_adapter(sys.argv[1]); print(json.dumps(%s))"


class UnusableError(ServiceError):
    """An adapter cannot be used in its environment: `place` is the folder, `why` the last line of its output."""

    def __init__(self, name: str, python: Path, why: str) -> None:
        super().__init__(f"the adapter of {name} in {python} cannot be asked: {why}")
        self.place, self.why = python.parent.parent, why


def query(command: Sequence[str], seconds: float, problem: str, error_of: Callable[[int, str], Exception]) -> Any:
    """Runs a command and returns the JSON that it prints.

    Args:
        command: The command.
        seconds: Its time limit.
        problem: The start of the message if there is no answer.
        error_of: Makes an error of the exit code and the last line of stderr.

    Raises:
        ServiceError: The command did not start, did not end in time, or lacks a package.
        Exception: The command failed; `error_of` makes the error.
    """
    try:
        process = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ServiceError(f"{problem}: {command[0]}: {error}") from error
    if process.returncode:
        last_line = (process.stderr.strip().splitlines() or ["it said nothing"])[-1]
        if missing := _MISSING_MODULE.search(last_line):
            raise ServiceError(f"{problem}: {command[0]} lacks {missing[1].replace('_', '-')}: install it there, too")
        raise error_of(process.returncode, last_line)
    return json.loads(process.stdout)


def query_adapter(name: str, python: Path, expression: str) -> Any:
    """Evaluates an expression about an adapter in the environment where it is installed.

    Args:
        name: The adapter's name.
        python: The Python of the environment that has it.
        expression: A Python expression over `adapter` and `version_of` with a JSON value.

    Raises:
        ServiceError: The environment did not answer within a minute.
        UnusableError: The adapter cannot be used there.
    """

    def error_of(_: int, last_line: str) -> UnusableError:
        return UnusableError(name, python, redacted(last_line))

    return query(
        [str(python), "-P", "-c", _QUERY % expression, name], 60, f"the adapter of {name} was not asked", error_of
    )
