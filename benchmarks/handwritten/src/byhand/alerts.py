"""Alerts about steps that failed after all retries, and about runs that are late."""

from __future__ import annotations

import logging
import os

log = logging.getLogger(__name__)
# STREAMREC_ALERTS_P0 and so on: the services to notify per severity, as Apprise URLs
VARIABLE = "STREAMREC_ALERTS_"


def tell(severity: str, title: str, body: str) -> None:
    """Sends an alert; never fails the run."""
    log.warning("%s %s: %s", severity, title, body)
    if places := os.environ.get(f"{VARIABLE}{severity}"):
        from apprise import Apprise

        service = Apprise()
        service.add(places.split(","))
        if not service.notify(title=f"{severity} {title}", body=body):
            log.error("the alert could not be sent: %s", title)


def failed(step: str, day: str, error: object) -> None:
    """Sends the alert for a step that failed after all its retries, which blocks the rest of its day."""
    tell("P0", f"streamrec {step} of {day} failed", f"{type(error).__name__}: {error}")
