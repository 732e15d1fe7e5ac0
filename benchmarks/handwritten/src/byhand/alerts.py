"""Alerts: who is told of a step that failed for good, and of a model that was not promoted."""

from __future__ import annotations

import logging
import os

log = logging.getLogger(__name__)
# by severity, the services that are told, as Apprise writes them: STREAMREC_ALERTS_P0, and so on
VARIABLE = "STREAMREC_ALERTS_"


def tell(severity: str, title: str, body: str) -> None:
    """Tells a person; never fails the run."""
    log.warning("%s %s: %s", severity, title, body)
    if places := os.environ.get(f"{VARIABLE}{severity}"):
        from apprise import Apprise

        service = Apprise()
        service.add(places.split(","))
        if not service.notify(title=f"{severity} {title}", body=body):
            log.error("nobody could be told of %s", title)


def failed(step: str, day: str, error: object) -> None:
    """A step failed after all its retries: nothing of that day goes on."""
    tell("P0", f"streamrec {step} of {day} failed", f"{type(error).__name__}: {error}")
