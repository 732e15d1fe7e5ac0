"""Alerts: sent once per cause, by severity, to the people who have to act; an alert never fails a run."""

from __future__ import annotations

from counterpoint.alerts.alert import Alert
from counterpoint.alerts.notifications import deliver_due, heal, release, tell

__all__ = ["Alert", "deliver_due", "heal", "release", "tell"]
