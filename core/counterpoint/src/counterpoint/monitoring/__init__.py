"""Watching: runs that are late or will be, and outputs that are too old, told before a person notices."""

from __future__ import annotations

from counterpoint.monitoring.notifications import tell_late
from counterpoint.monitoring.sweep import names_below, watch

__all__ = ["names_below", "tell_late", "watch"]
