"""Guesses by the clock: DAGs that start shortly after others of the same days may wait for them.

Both start at one fixed minute of the same days, the second 5 minutes to 6 hours after the first; of several before it
the nearest counts. They share an owner or a folder, and no owners contradict; `airflow`, the default, is no owner, nor
is one that is not known. All such guesses are of low confidence. Where several DAGs start at the one minute or at the
other, no pair is likelier than the rest: they are one group. Nothing is said of DAGs in different time zones, or in
one that is not known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from counterpoint_migrate.inventory.inventory_model import ClockGroup, Dag, Dependency

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_PRESETS = {
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_NEAREST, _FARTHEST = 5, 6 * 60  # minutes
_FIELDS = 5
_MOST_PAIRS = 10_000  # of one group: in a larger one, pairs that are declared are not looked for

Series = tuple[tuple[str, ...], str]  # the days, and the time zone
Ends = tuple[set[str], set[str]]


@dataclass(frozen=True, slots=True)
class _Clock:
    """When a DAG starts, whose it is, and in which folder."""

    dag: Dag
    series: Series
    minute: int
    owners: frozenset[str]
    folder: str

    def may_follow(self, other: _Clock) -> bool:
        """Whether owners or folder suggest that it waits for the other."""
        if self.owners and other.owners:
            return not self.owners.isdisjoint(other.owners)
        return self.folder == other.folder


def by_clock(dags: Iterable[Dag], told: Callable[[str, str], bool]) -> tuple[list[Dependency], list[ClockGroup]]:
    """The guesses of single pairs, and the groups of those that fit equally; `told` are pairs that need no guess."""
    clocks = [clock for dag in dags if (clock := _clock(dag)) is not None]
    starts: dict[Series, dict[int, list[_Clock]]] = {}
    for clock in clocks:
        starts.setdefault(clock.series, {}).setdefault(clock.minute, []).append(clock)
    ends: dict[tuple[Series, int, int], Ends] = {}
    for later in clocks:
        earlier = _nearest(later, starts[later.series])
        if earlier:
            upstreams, downstreams = ends.setdefault((later.series, earlier[0].minute, later.minute), (set(), set()))
            upstreams |= {clock.dag.key for clock in earlier}
            downstreams.add(later.dag.key)
    places = {clock.dag.key: clock.dag.place for clock in clocks}
    single: list[Dependency] = []
    groups: list[ClockGroup] = []
    for (_, before, after), sides in sorted(ends.items(), key=lambda entry: entry[0]):
        upstreams, downstreams = _without(sides, told)
        hours = f"{_hour(before)}", f"{_hour(after)}"
        if len(upstreams) == len(downstreams) == 1:
            (one,), (other,) = upstreams, downstreams
            detail = f"{one} starts at {hours[0]}, {other} at {hours[1]} of the same days"
            single.append(Dependency(one, other, "clock", "low", places[other], detail))
        elif upstreams and downstreams:
            detail = f"{_count(upstreams)} at {hours[0]}, {_count(downstreams)} at {hours[1]} of the same days"
            groups.append(ClockGroup(tuple(sorted(upstreams)), tuple(sorted(downstreams)), detail))
    return single, groups


def _nearest(later: _Clock, starts: dict[int, list[_Clock]]) -> Sequence[_Clock]:
    """The DAGs of the nearest minute before it that it may follow."""
    for minute in sorted(starts, reverse=True):
        if _NEAREST <= later.minute - minute <= _FARTHEST:
            earlier = [clock for clock in starts[minute] if later.may_follow(clock)]
            if earlier:
                return earlier
    return ()


def _without(sides: Ends, told: Callable[[str, str], bool]) -> Ends:
    """Both sides without the DAGs that need no guess with any on the other side."""
    upstreams, downstreams = sides
    if len(upstreams) * len(downstreams) > _MOST_PAIRS:
        return sides
    pairs = [(one, other) for one in upstreams for other in downstreams if one != other and not told(one, other)]
    return {one for one, _ in pairs}, {other for _, other in pairs}


def _hour(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _count(dags: set[str]) -> str:
    return "1 DAG starts" if len(dags) == 1 else f"{len(dags)} DAGs start"


def _clock(dag: Dag) -> _Clock | None:
    """When a DAG starts, where that is one fixed minute of a day in a time zone that is known."""
    value, zone = dag.schedule["value"], dag.zone
    if dag.schedule["kind"] not in {"cron", "preset", "timetable"} or not isinstance(value, str):
        return None
    fields = _PRESETS.get(value, value).split()
    if dag.parent is not None or zone.expression is not None or len(fields) != _FIELDS:
        return None
    minute, hour, *days = fields
    if not (minute.isdecimal() and hour.isdecimal()):
        return None
    folder = dag.file.rpartition("/")[0]
    series = tuple(days), zone.name or "UTC"
    return _Clock(dag, series, int(hour) * 60 + int(minute), frozenset(dag.known_owners), folder)
