"""The command that makes an output again, with all that the run was given which found it damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from counterpoint.commands import command, command_of
from counterpoint.model import PRODUCTION

if TYPE_CHECKING:
    from counterpoint.model import RunRequest


def remake_command(request: RunRequest, partition: str) -> str:
    """The command that makes again what is damaged of a partition, as this request would.

    A run, and the retry of a backfill, look whether what stands is what was written.
    """
    if request.version != PRODUCTION:
        return command("retry", request.pipeline, "--backfill", request.version, root=request.root)
    return command_of(request, "run", request.pipeline, "--date", partition.partition(".")[0])
