"""What an adapter says that its orchestrator lacks, asked in the environment that has the adapter."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from counterpoint.adapter import find_adapter
from counterpoint.errors import CounterpointError, ServiceError, UsageError
from counterpoint.remote_env import query
from counterpoint.runtime import find_pipeline

if TYPE_CHECKING:
    from collections.abc import Callable

_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Lack:
    """A limit of an adapter; `refuses` says whether the adapter refuses the pipeline for it."""

    subject: str
    reason: str
    stand_in: str | None
    refuses: bool


def lacks(adapter: str, pipeline: str) -> tuple[Lack, ...]:
    """The limits of an adapter that is installed here, with regard to a pipeline.

    Raises:
        ServiceError: it is not installed here.
        UsageError: there is no such pipeline.
    """
    known, found = find_pipeline(pipeline), find_adapter(adapter).limits
    return tuple(
        Lack(limit.subject, limit.reason, limit.stand_in, limit.stand_in is None and limit.uses(known))
        for limit in found
    )


def ask(adapter: str, pipeline: str, python_of: Callable[[str], Path]) -> tuple[Lack, ...]:
    """The limits of an adapter, in whatever environment it is installed.

    Raises:
        ServiceError: there is none, or it does not answer.
        UsageError: there is no such pipeline, there.
    """
    python = python_of(adapter)
    if python == Path(sys.executable):
        return lacks(adapter, pipeline)
    command = [str(python), "-P", "-m", __name__, adapter, pipeline]

    def refused(code: int, said: str) -> CounterpointError:
        return (UsageError if code == UsageError.exit_code else ServiceError)(f"{adapter}: {said}")

    found = query(command, _SECONDS, f"{adapter} was not asked for its limits", refused)
    return tuple(Lack(**values) for values in found)


def main() -> int:
    """Prints the limits of an adapter as JSON; for `ask`."""
    try:
        found = lacks(*sys.argv[1:3])
    except CounterpointError as error:
        print(error, file=sys.stderr)  # noqa: T201 - what `ask` reads
        return error.exit_code
    json.dump([asdict(lack) for lack in found], sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
