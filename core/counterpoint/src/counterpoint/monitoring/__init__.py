"""Monitoring: alerts about runs that are or will be late, and about outputs that are too old."""

from __future__ import annotations

from counterpoint.monitoring.notifications import tell_late
from counterpoint.monitoring.sweep import names_below, watch

__all__ = ["names_below", "tell_late", "watch"]
