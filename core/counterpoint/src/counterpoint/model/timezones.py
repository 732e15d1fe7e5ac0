"""Time zones by name, and the moments at which their clocks show a time that they show twice, or never."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from counterpoint.errors import DefinitionError


def zone_of(name: str) -> tzinfo:
    """The time zone of an IANA name.

    Raises:
        DefinitionError: there is none of that name, or this machine has no database of time zones.
    """
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise DefinitionError(
            f"timezone={name!r} is no time zone: write an IANA name such as 'Europe/Berlin'; on a machine without a"
            " database of time zones install the package tzdata"
        ) from None


def shown_at(moment: datetime, timezone: str) -> datetime:
    """The time, without zone, that clocks show at a moment.

    It is a plain `datetime`, whatever the moment is: arithmetic with Pendulum's is not that of clocks.
    """
    local = moment.astimezone(zone_of(timezone))
    return datetime.combine(local.date(), local.time())


def first_reading(clock: datetime, timezone: str) -> datetime:
    """The first moment, in UTC, at which clocks show a time; one that they leave out is as long after their jump."""
    return clock.replace(tzinfo=zone_of(timezone)).astimezone(UTC)


def last_reading(clock: datetime, timezone: str) -> datetime:
    """The last moment, in UTC, at which clocks show a time; one that they leave out is as long after their jump."""
    zone = zone_of(timezone)
    return max(clock.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
