"""What a step waits for before it begins: looked for in the triggerer, so that no worker slot is held."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import TaskDeferred
from airflow.triggers.base import BaseTrigger, TriggerEvent

from counterpoint.model import RunRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

log = logging.getLogger(__name__)
# seconds before a trigger looks: the scheduler takes a task that is queued again before its executor has told of the
# end of the process that deferred it for a killed one, and has it fail
_SETTLING = 5.0


def defer_while_waiting(request: RunRequest, step: str) -> None:
    """Lets a step begin, or its task defer until what it waits for is there.

    Raises:
        TaskDeferred: something is not there yet.
        MissingInputError: it has waited long enough.
    """
    from counterpoint.running.waits import admit

    waiting = admit(request, step)
    if waiting:
        log.warning("%s %s", step, waiting)  # as what is below is not shown
        raise TaskDeferred(trigger=WaitTrigger(request.to_json(), step), method_name="resume")


class WaitTrigger(BaseTrigger):
    """Fires when what a step waits for is there, or when it has waited long enough."""

    def __init__(self, request: str, step: str) -> None:
        super().__init__()
        self.request, self.step = request, step

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What the triggerer makes it of."""
        return f"{__name__}.WaitTrigger", {"request": self.request, "step": self.step}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Looks at every poll; its log on the task's page says what for."""
        from counterpoint.running.waits import still

        told = ""
        await asyncio.sleep(_SETTLING)
        while waiting := await asyncio.to_thread(still, RunRequest.from_json(self.request), self.step):
            if str(waiting) != told:
                told = str(waiting)
                self.log.warning("%s %s", self.step, told)
            await asyncio.sleep(waiting.pause)
        yield TriggerEvent({"failed": []})
