"""How the files of a profile are written: dialect of CSV, epochs, durations, event types, days that may be empty."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from counterpoint.errors import UsageError
from counterpoint.storage.csvdialects import Dialect
from streamrec.schema import EVENT_TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping

SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "min": 60.0, "h": 3600.0}
EPOCHS = ("s", "ms", "us", "ns")
KEYS: dict[str, tuple[str, ...]] = {
    "csv": ("separator", "encoding", "header"),
    "durations": ("unit",),
}


@dataclass(frozen=True, slots=True)
class FileFormat:
    """How files are written where they are not as by default.

    `epoch` is the unit of time stamps that are numbers since 1970, `duration` that of `watch_seconds`; `time_column`
    holds the time of day where the stamp's column holds the date alone; `event_types` maps values of the files to
    event types; `empty` are days, as of `closed`, that may have no events, or True for all.
    """

    csv: Dialect = field(default_factory=Dialect)
    epoch: str | None = None
    duration: str = "s"
    time_column: str | None = None
    event_types: Mapping[str, str] = field(default_factory=dict)
    empty: tuple[str, ...] | bool = ()


def parse_format(values: Mapping[str, Any], place: str) -> FileFormat:
    """The format that a profile's values tell.

    Raises:
        UsageError: a value means nothing.
    """
    stamp = values.get("columns", {}).get("timestamp")
    return FileFormat(
        csv=_dialect(values.get("csv", {}), f"profile {place}, [csv]"),
        epoch=_unit(values.get("timestamps", {}).get("unit"), EPOCHS, f"profile {place}, [timestamps]"),
        duration=_unit(values.get("durations", {}).get("unit"), tuple(SECONDS), f"profile {place}, [durations]") or "s",
        time_column=stamp[1] if isinstance(stamp, list) else None,
        event_types=_event_types(values.get("event_types", {}), f"profile {place}, [event_types]"),
        empty=_empty(values.get("calendar", {}).get("may_be_empty", ()), f"profile {place}, [calendar]"),
    )


def _dialect(values: Mapping[str, Any], where: str) -> Dialect:
    header = values.get("header")
    texts = {name: value for name, value in values.items() if name != "header"}
    if header is not None and not (
        isinstance(header, list) and header and all(isinstance(name, str) for name in header)
    ):
        raise UsageError(f"{where}: header = {header!r} must be a list of names, of files without a header line")
    if wrong := next((name for name, value in texts.items() if not isinstance(value, str)), None):
        raise UsageError(f"{where}: {wrong} = {texts[wrong]!r} must be a text")
    if header is not None and len(set(header)) < len(header):
        raise UsageError(f"{where}: header names a column twice")
    try:
        return Dialect(**texts, names=None if header is None else tuple(header))
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None


def _unit(unit: Any, units: tuple[str, ...], where: str) -> str | None:
    if unit is not None and unit not in units:
        raise UsageError(f"{where}: unit = {unit!r} is none; write one of {', '.join(units)}")
    return None if unit is None else str(unit)


def _event_types(values: Mapping[str, Any], where: str) -> dict[str, str]:
    for name, kind in values.items():
        if kind not in EVENT_TYPES:
            raise UsageError(f"{where}: {name} = {kind!r} is no event type; write one of {', '.join(EVENT_TYPES)}")
    return dict(values)


def _empty(days: Any, where: str) -> tuple[str, ...] | bool:
    if isinstance(days, bool):
        return days
    if not isinstance(days, (list, tuple)):
        raise UsageError(f"{where}: may_be_empty = {days!r} must be true, or a list of days as of closed")
    return tuple(days)
