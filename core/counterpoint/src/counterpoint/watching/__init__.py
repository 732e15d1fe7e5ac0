"""Watching: runs that are late or will be, and outputs that are too old, told before a person notices."""

from __future__ import annotations

from counterpoint.watching.look import names_below, watch
from counterpoint.watching.telling import tell_late

__all__ = ["names_below", "tell_late", "watch"]
