"""What began last for a step and partition: so that whoever watches knows what runs, on whatever orchestrator."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from counterpoint.model import PRODUCTION
from counterpoint.runtime.hooks import StepHook
from counterpoint.storage import layout

if TYPE_CHECKING:
    from counterpoint.runtime.context import StepContext


class Begun(StepHook):
    """Notes that an attempt of a step, or of one element of a mapped step, begins; of a run in production only."""

    order = 200

    def before(self, context: StepContext) -> None:
        """Notes it."""
        request = context.request
        if request.version == PRODUCTION:
            told = {"run_id": request.run_id, "orchestrator": request.orchestrator, "attempt": context.attempt}
            path = layout.begun_step(context.pipeline.name, request.partition, context.step.name)
            context.store.put_json(path, {**told, "at": datetime.now(UTC).isoformat()})
