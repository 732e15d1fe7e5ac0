"""A case: all alerts of one cause and the messages about them; pure functions compute its next state."""

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

# a backfill that takes longer sends the alerts that it has by then
LONGEST_HELD = timedelta(minutes=10)
# the time that a process has to deliver a message before another one may take it
LEASE = timedelta(seconds=30)
GIVEN_UP = timedelta(hours=24)
_LONGEST_DELAY = timedelta(hours=1)
_MOST_KEPT = 200
_SHOWN = 31
_LONGEST_DETAIL = 700
_PAGED = (Severity.P0, Severity.P1)


@dataclass(frozen=True, slots=True)
class Message:
    """A message that is not yet delivered to its routes; only its last taker tries before `due`."""

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

    `healed` is the time when the same step and partition of its last open occurrence succeeded. `waiting` is the time
    since when a message has to be sent, and `held` names the versions whose end the message waits for. `told` and
    `sent` are the times of the first and the last message.
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
        """Whether somebody still has to acknowledge it; P3 alerts are only logged, for the weekly review."""
        return not self.acknowledged and not self.healed and self.alert.severity is not Severity.P3

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {"id": self.alert.id, **asdict(self, dict_factory=_plain)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        rest = {name: value for name, value in values.items() if name != "id"}
        # a case of an earlier release has no field `healed`
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
    """The case after another occurrence; a message has to be sent unless one was sent within `throttle`."""
    current = case or Case(alert, now, now)
    is_quiet = current.sent is not None and now - current.sent < throttle
    if (current.acknowledged or current.healed) and not is_quiet:
        current = Case(alert, now, now, deliveries=current.deliveries)
    waiting = current.waiting or (None if is_quiet else now)
    return replace(
        current,
        alert=alert,
        healed=None,
        last_seen=now,
        count=current.count + 1,
        occurrences=_with(current.occurrences, alert, now),
        waiting=waiting,
        held=_held(current, alert) if waiting else (),
    )


def _with(before: Iterable[Mapping[str, Any]], alert: Alert, now: datetime) -> tuple[Mapping[str, Any], ...]:
    names = ("partition", "run_id", "orchestrator", "version")
    occurrence = {name: getattr(alert, name) for name in names}
    others = [other for other in before if any(other[name] != occurrence[name] for name in names)]
    return (*others, {**occurrence, "at": now.isoformat()})[-_MOST_KEPT:]


def healed(case: Case, partition: str | None, version: str, now: datetime) -> Case:
    """The case after the step succeeded in a partition of a version; closed when no occurrence is open any more."""
    mine = (partition, version)
    marked = [
        {"healed": now.isoformat(), **occurrence}
        if (occurrence["partition"], occurrence["version"]) == mine
        else occurrence
        for occurrence in case.occurrences
    ]
    updated = replace(case, occurrences=tuple(marked))
    if case.healed or not all("healed" in occurrence for occurrence in marked):
        return updated
    return replace(updated, healed=now, waiting=None, held=(), outbox=())


def _held(case: Case, alert: Alert) -> tuple[str, ...]:
    """The versions whose end the message waits for; none after an alert of production, nor together with one."""
    if alert.version == PRODUCTION or (case.waiting and not case.held):
        return ()
    return tuple(dict.fromkeys((*case.held, alert.version)))


def released(case: Case, version: str) -> Case:
    """The case after the backfill into a version has ended."""
    if version not in case.held:
        return case
    return replace(case, held=tuple(other for other in case.held if other != version))


def posted(case: Case, routes: Routes, now: datetime, root: str) -> Case:
    """The case with a message in its outbox, if one has to be sent and is not held; `root` is the case's root."""
    if case.waiting is None or (case.held and now - case.waiting < LONGEST_HELD):
        return case
    sent = replace(case, waiting=None, held=(), sent=now, told=case.told or now)
    return _put(sent, "alert", routes.of(case.alert.severity), now, root)


def escalated(case: Case, routes: Routes, now: datetime, root: str) -> Case:
    """The case with a message to the escalation routes, if it has not been acknowledged for too long."""
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
    """The body of a message."""
    alert = case.alert
    unhealed = [occurrence for occurrence in case.occurrences if occurrence["partition"] and "healed" not in occurrence]
    keys = list(dict.fromkeys(str(occurrence["partition"]) for occurrence in unhealed))
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
    """The case after somebody acknowledged it; its messages are not sent any more."""
    return replace(case, acknowledged={"by": by, "at": now.isoformat()}, waiting=None, held=(), outbox=())


def due(case: Case, now: datetime) -> tuple[Message, ...]:
    """The messages that are due for delivery."""
    return tuple(message for message in case.outbox if message.due <= now)


def taken(case: Case, now: datetime, by: str) -> Case:
    """The case after process `by` has taken the due messages."""
    mine, until = due(case, now), now + LEASE
    leased = [replace(m, due=until, attempts=m.attempts + 1, taker=by) if m in mine else m for m in case.outbox]
    return replace(case, outbox=tuple(leased))


def settled(case: Case, message: Message, errors: Mapping[str, str | None], now: datetime) -> Case:
    """The case after a message went to its routes, each with its error or None."""
    rows = [{"kind": message.kind, "route": r, "at": now.isoformat(), "error": e} for r, e in errors.items()]
    failed = tuple(route for route, error in errors.items() if error is not None)
    pending = [_retried(m, failed, now) if (m.kind, m.made) == (message.kind, message.made) else m for m in case.outbox]
    outbox = tuple(m for m in pending if m.routes)
    return replace(case, outbox=outbox, deliveries=(*case.deliveries, *rows)[-_MOST_KEPT:])


def _retried(message: Message, failed: tuple[str, ...], now: datetime) -> Message:
    """The message with its failed routes, due after a pause that doubles each time; without routes after a day."""
    routes = () if now - message.made >= GIVEN_UP else failed
    delay = min(timedelta(minutes=1) * 2 ** min(message.attempts - 1, 10), _LONGEST_DELAY)
    return replace(message, routes=routes, due=now + delay)
