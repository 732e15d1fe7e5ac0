"""Dependencies that nobody declared, but that are probable: by shared paths, and by the clock.

Paths: one DAG writes what another reads (a path, a URI, a table; equal texts): medium. Where one of them only names
it, or where a table is named without its schema: low.

Clock (the waterfall of schedules): both start at one fixed minute of the same days, the second 5 minutes to 6 hours
after the first; of several before it the nearest counts. Of one owner and one folder it is medium; low with one of
both, where no owners contradict. `airflow`, the default, is no owner. Nothing is said of DAGs in different time zones,
nor where a declared dependency, in either direction, tells it already. What both paths and clock say is high.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from counterpoint_migrate.inventory.declared_deps import reach
from counterpoint_migrate.inventory.inventory_model import Dag, Dependency
from counterpoint_migrate.inventory.values import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_PRESETS = {
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_NEAREST, _FARTHEST = 5, 6 * 60  # minutes
_ZONE = re.compile(r"(?:tz|tzinfo|timezone)\s*[=(]\s*(?:[\w.]+\(\s*)?['\"]([^'\"]+)['\"]")


@dataclass(frozen=True, slots=True)
class _Clock:
    dag: Dag
    days: tuple[str, ...]
    minute: int
    zone: str

    @property
    def hour(self) -> str:
        return f"{self.minute // 60:02}:{self.minute % 60:02}"


def probable(dags: list[Dag], declared: list[Dependency]) -> list[Dependency]:
    """Dependencies that are not declared; each with its confidence and the reason."""
    after = reach(declared)
    by_path = {(one.upstream, one.downstream): one for one in _paths(dags) if not _told(one, after)}
    by_clock = {(one.upstream, one.downstream): one for one in _clocks(dags) if not _told(one, after)}
    both = by_path.keys() & by_clock.keys()
    found = [
        replace(one, confidence="high", detail=f"{one.detail}; {by_clock[ends].detail}") if ends in both else one
        for ends, one in by_path.items()
    ]
    against = {ends[::-1] for ends in by_path}
    return found + [one for ends, one in by_clock.items() if ends not in both and ends not in against]


def _told(one: Dependency, after: dict[str, set[str]]) -> bool:
    return one.downstream in after.get(one.upstream, ()) or one.upstream in after.get(one.downstream, ())


def _paths(dags: list[Dag]) -> Iterator[Dependency]:
    written, read, named = ({dag: _of(dag, side) for dag in dags} for side in ("writes", "reads", "mentions"))
    made = {name for names in written.values() for name in names}
    for before in dags:
        for later in dags:
            if before.id == later.id:
                continue
            sure = written[before].keys() & read[later].keys()
            perhaps = written[before].keys() & named[later].keys() - written[later].keys()
            perhaps |= named[before].keys() & read[later].keys() - read[before].keys() - made
            if not sure | perhaps:
                continue
            thing = min(sure or perhaps, key=lambda name: (not _specific(name), name))
            detail = (
                f"{before.id} {'writes' if sure else 'may write'} {thing}, {later.id} {_reading(read, later, thing)} it"
            )
            confidence = "medium" if sure and _specific(thing) else "low"
            yield Dependency(before.id, later.id, "path", confidence, (named[before] | written[before])[thing], detail)


def _reading(read: dict[Dag, dict[str, str]], dag: Dag, thing: str) -> str:
    return "reads" if thing in read[dag] else "may read"


def _specific(name: str) -> bool:
    """Whether it is a path, or a table with its schema, and no bare word that many have."""
    return "/" in name or "." in name


def _of(dag: Dag, side: str) -> dict[str, str]:
    """What the tasks of a DAG write, read or only name, with the place of the task."""
    found: dict[str, str] = {}
    for task in dag.tasks:
        names: set[str] = getattr(task.uses, side)
        if side == "mentions":
            names = names - task.uses.reads - task.uses.writes
        found |= {name: task.place for name in sorted(names) if name not in found}
    return found


def _clocks(dags: list[Dag]) -> Iterator[Dependency]:
    clocks = sorted((clock for dag in dags if (clock := _clock(dag)) is not None), key=lambda clock: clock.minute)
    for later in clocks:
        earlier = [(one, sure) for one in clocks if (sure := _follows(one, later)) is not None]
        nearest = max((one.minute for one, _ in earlier), default=0)
        for one, sure in earlier:
            if one.minute == nearest:
                detail = f"{one.dag.id} starts at {one.hour}, {later.dag.id} at {later.hour} of the same days"
                yield Dependency(one.dag.id, later.dag.id, "clock", sure, later.dag.place, detail)


def _follows(one: _Clock, later: _Clock) -> str | None:
    """How sure it is that one DAG waits for another by the clock; None where nothing says so."""
    gap = later.minute - one.minute
    if one.dag.id == later.dag.id or one.days != later.days or one.zone != later.zone:
        return None
    if not _NEAREST <= gap <= _FARTHEST:
        return None
    owners, others = (set(clock.dag.owners) - {"airflow"} for clock in (one, later))
    if owners and others and not owners & others:
        return None
    same_owner, same_folder = bool(owners & others), _folder(one.dag) == _folder(later.dag)
    if same_owner and same_folder:
        return "medium"
    return "low" if same_owner or same_folder else None


def _folder(dag: Dag) -> str:
    return dag.file.rpartition("/")[0]


def _clock(dag: Dag) -> _Clock | None:
    """When a DAG starts, where that is one fixed minute of a day."""
    value = dag.schedule["value"]
    if dag.schedule["kind"] not in {"cron", "preset", "timetable"} or not isinstance(value, str):
        return None
    fields = _PRESETS.get(value, value).split()
    if len(fields) != 5 or not (fields[0].isdecimal() and fields[1].isdecimal()):  # noqa: PLR2004 - those of cron
        return None
    minute, hour, *days = fields
    shown = f"{dag.schedule['expression'] or ''} {text_of(dag.settings.get('start_date', ''))}"
    zone = _ZONE.search(shown)
    return _Clock(dag, tuple(days), int(hour) * 60 + int(minute), zone[1] if zone else "UTC")
