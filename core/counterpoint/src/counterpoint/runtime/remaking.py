"""The command that makes a damaged output again, with the options of the run that found the damage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from counterpoint.commands import command, command_of
from counterpoint.model import PRODUCTION

if TYPE_CHECKING:
    from counterpoint.model import RunRequest


def remake_command(request: RunRequest, partition: str) -> str:
    """The command that makes the damaged outputs of a partition again, with the options of this request.

    A run and the retry of a backfill both check whether published outputs are intact.
    """
    if request.version != PRODUCTION:
        return command("retry", request.pipeline, "--backfill", request.version, root=request.root)
    return command_of(request, "run", request.pipeline, "--date", partition.partition(".")[0])
