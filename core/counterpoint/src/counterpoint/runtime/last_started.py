"""A note of the attempt that began last for a step and partition, which shows what runs on any orchestrator."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from counterpoint.model import PRODUCTION
from counterpoint.runtime.hooks import StepHook
from counterpoint.storage import layout

if TYPE_CHECKING:
    from counterpoint.runtime.context import StepContext


class Begun(StepHook):
    """Notes the attempts that begin at a step or an element of a mapped step, in production runs only."""

    order = 200

    def before(self, context: StepContext) -> None:
        """Writes the note."""
        request = context.request
        if request.version == PRODUCTION:
            attempt = {"run_id": request.run_id, "orchestrator": request.orchestrator, "attempt": context.attempt}
            path = layout.begun_step(context.pipeline.name, request.partition, context.step.name)
            context.store.put_json(path, {**attempt, "at": datetime.now(UTC).isoformat()})
