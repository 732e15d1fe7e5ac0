"""The time zone in which a DAG's schedule is meant: that of its timetable, else that of its start date."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Any

from counterpoint_migrate.inventory.values import Made, Ref, Unknown, inside, text_of

_MAKERS = {"timezone", "Timezone", "ZoneInfo", "gettz", "get_timezone", "parse_timezone", "FixedTimezone"}
_KEYWORDS = ("timezone", "tz", "tzinfo")
_POSITIONS = {  # of the argument that holds the zone, by the name of the call
    "datetime": 7,
    "DateTime": 7,
    "now": 0,
    "today": 0,
    "tomorrow": 0,
    "yesterday": 0,
    "parse": 1,
    "make_aware": 1,
    "instance": 1,
    "from_timestamp": 1,
    "CronDataIntervalTimetable": 1,
}
_UTC = {"utc", "UTC", "tzutc", "Etc/UTC"}
_ZONE = re.compile(r"UTC|GMT|Zulu|[A-Z][A-Za-z_]+(?:/[A-Za-z0-9_+-]+)+")
_HINT = re.compile(r"tz|zone|localize|pendulum|utcnow")
_OFFSET = re.compile(r"(?:[+-]\d{2}:?\d{2}|Z)$")


@dataclass(frozen=True, slots=True)
class Zone:
    """A time zone by name, or the expression of one that is not known; neither where the source names none."""

    name: str | None = None
    expression: str | None = None

    @property
    def shown(self) -> str | None:
        """What the source says of it."""
        return self.name or self.expression

    @property
    def shifted(self) -> bool:
        """Whether hours of the schedule may be others than those of UTC."""
        return self.shown is not None and self.name != "UTC"


_NONE = Zone()


def zone_of(schedule: Any, start_date: Any) -> Zone:
    """The time zone of a schedule, from the values of the DAG's schedule and start date."""
    for timetable in inside(schedule):
        if isinstance(timetable, Made) and "imetable" in timetable.name:
            zone = _argument(timetable)
            if zone is not None:
                return zone
    return _of_date(start_date)


def _of_date(value: Any) -> Zone:
    if isinstance(value, Made):
        zone = _argument(value)
        if zone is not None:
            return zone
        if value.name.startswith("airflow.utils.timezone."):
            return Zone("UTC")
        if value.name.startswith("pendulum.") and value.name.rpartition(".")[2] in {"datetime", "parse"}:
            return Zone("UTC")
        return Zone(None, text_of(value)) if value.name in {"pendulum.now", "pendulum.local"} else _NONE
    if isinstance(value, str):
        return Zone(None, value) if _OFFSET.search(value) and "T" in value else _NONE
    return _of_source(value)


def _of_source(value: Any) -> Zone:
    """What the text of an expression says that was not followed."""
    if not isinstance(value, Unknown):
        text = "" if value is None else text_of(value)
        return Zone(None, text) if _HINT.search(text) else _NONE
    constants = (node.value for node in ast.walk(value.node) if isinstance(node, ast.Constant))
    zones = {text for text in constants if isinstance(text, str) and _ZONE.fullmatch(text)}
    if len(zones) == 1:
        return _named(zones.pop())
    text = text_of(value)
    return Zone(None, text) if zones or _HINT.search(text) else _NONE


def _argument(made: Made) -> Zone | None:
    """The zone that a call is given; None where it is given none."""
    for name in _KEYWORDS:
        if made.keywords.get(name) is not None:
            return _zone(made.keywords[name])
    position = _POSITIONS.get(made.name.rpartition(".")[2])
    if position is not None and len(made.args) > position and made.args[position] is not None:
        return _zone(made.args[position])
    return None


def _zone(value: Any) -> Zone:
    if isinstance(value, str):
        return _named(value)
    if isinstance(value, Ref) and value.tail in _UTC:
        return Zone("UTC")
    if isinstance(value, Made):
        tail = value.name.rpartition(".")[2]
        first = value.args[0] if value.args else next(iter(value.keywords.values()), None)
        if tail in _MAKERS and isinstance(first, str):
            return _named(first)
        if tail in _UTC:
            return Zone("UTC")
    return Zone(None, text_of(value))


def _named(name: str) -> Zone:
    return Zone("UTC" if name in _UTC else name)
