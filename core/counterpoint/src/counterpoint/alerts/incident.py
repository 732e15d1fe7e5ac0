"""A case: all alerts of one cause, and what was sent of them; what happens to it is told by pure functions."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from counterpoint.alerts.alert import Alert
from counterpoint.commands import command
from counterpoint.model import PRODUCTION, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from counterpoint.alerts.routes import Routes

# a backfill that takes longer tells what it has by then
LONGEST_HELD = timedelta(minutes=10)
# whoever took a message to deliver it is believed to be at it for so long
LEASE = timedelta(seconds=30)
GIVEN_UP = timedelta(hours=24)
_LONGEST_DELAY = timedelta(hours=1)
_KEPT = 200
_SHOWN = 31
_LONGEST_DETAIL = 700
_PAGED = (Severity.P0, Severity.P1)


@dataclass(frozen=True, slots=True)
class Message:
    """What is still to be delivered, to which routes; nobody but its last taker tries before `due`."""

    kind: str
    made: datetime
    title: str
    body: str
    routes: tuple[str, ...]
    due: datetime
    attempts: int = 0
    taker: str = ""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """From JSON values."""
        return cls(**{**values, **_moments(values, "made", "due"), "routes": tuple(values["routes"])})


@dataclass(frozen=True, slots=True)
class Case:
    """One cause since it was last acknowledged; `alert` is the latest.

    `healed` is when the last of its occurrences was found to have ended well since, by the success of the same step and
    partition. `waiting` says since when something is to be sent, and `held` for the end of which versions that waits.
    `told` and `sent` are the times of the first and the last message.
    """

    alert: Alert
    first_seen: datetime
    last_seen: datetime
    count: int = 0
    occurrences: tuple[Mapping[str, Any], ...] = ()
    acknowledged: Mapping[str, Any] | None = None
    waiting: datetime | None = None
    held: tuple[str, ...] = ()
    told: datetime | None = None
    sent: datetime | None = None
    escalated: datetime | None = None
    outbox: tuple[Message, ...] = ()
    deliveries: tuple[Mapping[str, Any], ...] = ()
    healed: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to take it; what is only logged is for the weekly review."""
        return not self.acknowledged and not self.healed and self.alert.severity is not Severity.P3

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {"id": self.alert.id, **asdict(self, dict_factory=_plain)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        rest = {name: value for name, value in values.items() if name != "id"}
        # one that was kept before cases could heal has no word of it
        values = {"healed": None, **values}
        times = _moments(values, "healed", "first_seen", "last_seen", "waiting", "told", "sent", "escalated")
        lists = {name: tuple(values[name]) for name in ("occurrences", "held", "deliveries")}
        outbox = tuple(Message.from_dict(message) for message in values["outbox"])
        return cls(**{**rest, **times, **lists, "alert": Alert.from_dict(values["alert"]), "outbox": outbox})


def _plain(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in pairs}


def _moments(values: Mapping[str, Any], *names: str) -> dict[str, datetime | None]:
    return {name: datetime.fromisoformat(values[name]) if values[name] else None for name in names}


def seen(case: Case | None, alert: Alert, now: datetime, throttle: timedelta) -> Case:
    """The case after its cause was met once more: to be sent, unless that was done a short while ago."""
    found = case or Case(alert, now, now)
    is_quiet = found.sent is not None and now - found.sent < throttle
    if (found.acknowledged or found.healed) and not is_quiet:
        found = Case(alert, now, now, deliveries=found.deliveries)
    waiting = found.waiting or (None if is_quiet else now)
    return replace(
        found,
        alert=alert,
        healed=None,
        last_seen=now,
        count=found.count + 1,
        occurrences=_with(found.occurrences, alert, now),
        waiting=waiting,
        held=_held(found, alert) if waiting else (),
    )


def _with(before: Iterable[Mapping[str, Any]], alert: Alert, now: datetime) -> tuple[Mapping[str, Any], ...]:
    names = ("partition", "run_id", "orchestrator", "version")
    met = {name: getattr(alert, name) for name in names}
    others = [one for one in before if any(one[name] != met[name] for name in names)]
    return (*others, {**met, "at": now.isoformat()})[-_KEPT:]


def healed(case: Case, partition: str | None, version: str, now: datetime) -> Case:
    """The case after what failed in a partition of a version has ended well; it is closed when nothing is left."""
    mine = (partition, version)
    marked = [
        {"healed": now.isoformat(), **one} if (one["partition"], one["version"]) == mine else one
        for one in case.occurrences
    ]
    found = replace(case, occurrences=tuple(marked))
    if case.healed or not all("healed" in one for one in marked):
        return found
    return replace(found, healed=now, waiting=None, held=(), outbox=())


def _held(case: Case, alert: Alert) -> tuple[str, ...]:
    """What a backfill met waits for its end; what production met waits for nothing, nor does what goes with it."""
    if alert.version == PRODUCTION or (case.waiting and not case.held):
        return ()
    return tuple(dict.fromkeys((*case.held, alert.version)))


def released(case: Case, version: str) -> Case:
    """The case after the backfill into a version has ended."""
    if version not in case.held:
        return case
    return replace(case, held=tuple(other for other in case.held if other != version))


def posted(case: Case, routes: Routes, now: datetime, root: str) -> Case:
    """The case with a message in its outbox, if one is to be sent and is not held; `root` is where it is kept."""
    if case.waiting is None or (case.held and now - case.waiting < LONGEST_HELD):
        return case
    sent = replace(case, waiting=None, held=(), sent=now, told=case.told or now)
    return _put(sent, "alert", routes.of(case.alert.severity), now, root)


def escalated(case: Case, routes: Routes, now: datetime, root: str) -> Case:
    """The case with a message to those who come next, if nobody has acknowledged it for too long."""
    is_open = case.alert.severity in _PAGED and not (case.acknowledged or case.healed or case.escalated)
    if not is_open or not routes.escalation or case.told is None or now - case.told < routes.patience:
        return case
    return _put(replace(case, escalated=now), "escalation", routes.escalation, now, root)


def _put(case: Case, kind: str, routes: tuple[str, ...], now: datetime, root: str) -> Case:
    if not routes:
        return case
    late = "not acknowledged: " if kind == "escalation" else ""
    title = f"[{case.alert.severity.value}] {late}{case.alert.title}"
    return replace(case, outbox=(*case.outbox, Message(kind, now, title, body(case, root), routes, now)))


def body(case: Case, root: str) -> str:
    """What a message says below its title."""
    alert = case.alert
    open_ones = [one for one in case.occurrences if one["partition"] and "healed" not in one]
    keys = list(dict.fromkeys(str(one["partition"]) for one in open_ones))
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    version = "" if alert.version == PRODUCTION else f" (version {alert.version})"
    lines = (
        alert.detail[:_LONGEST_DETAIL],
        f"partitions: {', '.join(keys[-_SHOWN:])}{more}{version}" if keys else "",
        f"where: {alert.where}" if alert.where else "",
        f"seen: {case.count} times since {case.first_seen:%Y-%m-%d %H:%M} UTC, on {alert.orchestrator}",
        f"run: {alert.run_id}" if alert.run_id else "",
        f"to redo only that: {alert.command}" if alert.command else "",
        f"to acknowledge: {command('alerts', 'ack', alert.id, root=root)}",
    )
    return "\n".join(line for line in lines if line)


def acknowledged(case: Case, by: str, now: datetime) -> Case:
    """The case after somebody took it: nothing of it is sent any more."""
    return replace(case, acknowledged={"by": by, "at": now.isoformat()}, waiting=None, held=(), outbox=())


def due(case: Case, now: datetime) -> tuple[Message, ...]:
    """The messages that are to be delivered now."""
    return tuple(message for message in case.outbox if message.due <= now)


def taken(case: Case, now: datetime, by: str) -> Case:
    """The case after somebody took the messages that are due."""
    mine, until = due(case, now), now + LEASE
    leased = [replace(m, due=until, attempts=m.attempts + 1, taker=by) if m in mine else m for m in case.outbox]
    return replace(case, outbox=tuple(leased))


def settled(case: Case, message: Message, errors: Mapping[str, str | None], now: datetime) -> Case:
    """The case after a message went to its routes, each with its error or None."""
    rows = [{"kind": message.kind, "route": r, "at": now.isoformat(), "error": e} for r, e in errors.items()]
    failed = tuple(route for route, error in errors.items() if error is not None)
    pending = [_again(m, failed, now) if (m.kind, m.made) == (message.kind, message.made) else m for m in case.outbox]
    outbox = tuple(m for m in pending if m.routes)
    return replace(case, outbox=outbox, deliveries=(*case.deliveries, *rows)[-_KEPT:])


def _again(message: Message, failed: tuple[str, ...], now: datetime) -> Message:
    """The message with what failed of it, after a pause that doubles each time; with nothing, after a day."""
    routes = () if now - message.made >= GIVEN_UP else failed
    delay = min(timedelta(minutes=1) * 2 ** min(message.attempts - 1, 10), _LONGEST_DELAY)
    return replace(message, routes=routes, due=now + delay)
