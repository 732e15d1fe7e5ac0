"""OpenLineage events of every attempt at a step: the same from every orchestrator.

They are sent where the library's own configuration says so: `OPENLINEAGE_URL`, `OPENLINEAGE_CONFIG`, or variables that
begin with `OPENLINEAGE__`. Without any of these nothing is sent, and the library is not imported.
"""

from __future__ import annotations

import logging
import os
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from counterpoint.redaction import redacted
from counterpoint.runtime.hooks import StepHook

if TYPE_CHECKING:
    from collections.abc import Callable

    from counterpoint.model import StepRecord
    from counterpoint.runtime.context import StepContext
    from counterpoint.runtime.outputs import Product

log = logging.getLogger(__name__)
DISABLED, NAMED, PREFIX = "OPENLINEAGE_DISABLED", ("OPENLINEAGE_URL", "OPENLINEAGE_CONFIG"), "OPENLINEAGE__"
# how long an asynchronous transport may take to deliver what it holds, in seconds
_FLUSH = 10.0
# that an event was not delivered is logged once in a process
_TOLD: list[str] = []


def is_enabled() -> bool:
    """Whether the environment says where events go."""
    if os.environ.get(DISABLED, "").strip().lower() == "true":
        return False
    return any(map(os.environ.get, NAMED)) or any(name.startswith(PREFIX) for name in os.environ)


class OpenLineage(StepHook):
    """Sends START, COMPLETE and FAIL; what cannot be sent never fails a step."""

    # before all that may refuse an attempt, so that each one has its START
    order = 10

    def before(self, context: StepContext) -> None:
        """Tells that an attempt begins."""
        _send(lambda events: events.start(context))

    def after(self, context: StepContext, product: Product) -> None:
        """Tells what it made, from what."""
        _send(lambda events: events.complete(context, product))

    def failed(self, context: StepContext, record: StepRecord) -> None:
        """Tells how it failed."""
        _send(lambda events: events.fail(context, record))


def _send(event: Callable[[Any], Any]) -> None:
    if not is_enabled():
        return
    if find_spec("openlineage") is None:
        _tell_once("openlineage-python is not installed here: pip install 'counterpoint[openlineage]'")
        return
    try:
        from openlineage.client import OpenLineageClient

        from counterpoint.runtime import openlineage_events

        client = OpenLineageClient()
        try:
            client.emit(event(openlineage_events))
        finally:
            client.close(_FLUSH)
    except Exception as error:  # noqa: BLE001 - whatever a transport raises
        _tell_once(f"{type(error).__name__}: {redacted(str(error))[:300]}")


def _tell_once(reason: str) -> None:
    if not _TOLD:
        _TOLD.append(reason)
        log.warning("OpenLineage events are not delivered: %s", reason)
