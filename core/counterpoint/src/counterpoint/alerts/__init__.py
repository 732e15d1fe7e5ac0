"""Alerts: told once per cause, by severity, to whoever has to act; never at the cost of a run."""

from __future__ import annotations

from counterpoint.alerts.alert import Alert
from counterpoint.alerts.notifications import deliver_due, heal, release, tell

__all__ = ["Alert", "deliver_due", "heal", "release", "tell"]
