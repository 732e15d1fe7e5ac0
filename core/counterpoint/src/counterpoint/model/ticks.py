"""The ticks of a schedule in a time zone: what its cron expression says of clocks, as moments.

A tick is the last moment at which clocks show its time. In the night in which they go forward, one that they leave out
comes as much later as they jump; in the night in which they go back, one that they show twice comes the second time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from counterpoint.model.timezones import last_reading, shown_at

# the times of a cron expression, without zone, after or before one, the nearest first
Times = Callable[[datetime], Iterator[datetime]]
# more than any clock is moved at once: around a change, the order of ticks is not that of the times that clocks show
_CHANGE = timedelta(hours=3)


def next_tick(after: Times, moment: datetime, timezone: str) -> datetime | None:
    """The first tick after a moment, in UTC; None when there is none."""
    clock, margin = _shown(moment, timezone)
    best: datetime | None = None
    for shown in after(clock - margin):
        tick = last_reading(shown, timezone)
        if tick > moment:
            best = tick if best is None else min(best, tick)
        if best is not None and shown >= clock + margin:
            break
    return best


def previous_tick(before: Times, moment: datetime, timezone: str) -> datetime | None:
    """The last tick before a moment, in UTC; None when there is none."""
    clock, margin = _shown(moment, timezone)
    best: datetime | None = None
    for shown in before(clock + margin):
        tick = last_reading(shown, timezone)
        if tick < moment:
            best = tick if best is None else max(best, tick)
        if best is not None and shown <= clock - margin:
            break
    return best


def _shown(moment: datetime, timezone: str) -> tuple[datetime, timedelta]:
    return shown_at(moment, timezone), timedelta(0) if timezone == "UTC" else _CHANGE
