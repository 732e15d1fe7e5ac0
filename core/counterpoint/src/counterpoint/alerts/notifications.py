"""Sends alerts, and later delivers messages that were held, failed or not acknowledged."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from counterpoint.alerts.alert import Alert
from counterpoint.alerts.delivery import send
from counterpoint.alerts.incident import Case, due, escalated, healed, posted, released, seen, settled, taken
from counterpoint.alerts.incidents import all_cases, change
from counterpoint.alerts.routes import Routes, load_routes
from counterpoint.errors import UsageError
from counterpoint.model import Severity
from counterpoint.redaction import redacted, redacted_values

if TYPE_CHECKING:
    from collections.abc import Callable

    from counterpoint.alerts.incident import Message
    from counterpoint.storage.objects import Objects

log = logging.getLogger("counterpoint.alerts")
_LEVELS = {Severity.P0: logging.ERROR, Severity.P1: logging.ERROR, Severity.P2: logging.WARNING}


def tell(store: Objects, alert: Alert, *, now: datetime | None = None) -> str:
    """Logs and stores an alert, and sends it unless its cause was sent recently or a backfill is running.

    Never raises, and takes a few seconds at most. Returns the id of the stored alert.
    """
    redacted_alert = Alert.from_dict(redacted_values(alert.to_dict()))
    try:
        _tell(store, redacted_alert, now or datetime.now(UTC))
    except Exception as error:  # noqa: BLE001 - an alert must not fail a run
        log.error("an alert was not stored or not sent: %s: %s", type(error).__name__, redacted(str(error)))  # noqa: TRY400
    return redacted_alert.id


def heal(store: Objects, alert_id: str, partition: str, version: str, *, now: datetime | None = None) -> None:
    """Records that an alert's step has succeeded in a partition; closes the alert when no partition is left.

    Raises:
        StorageError: the root cannot be read or written.
    """
    moment = now or datetime.now(UTC)
    case = change(store, alert_id, lambda case: healed(case, partition, version, moment) if case else None)
    if case and case.healed == moment:
        log.info("alert %s: recovered: %s", alert_id, case.alert.title)


def _tell(store: Objects, alert: Alert, now: datetime) -> None:
    log.log(
        _LEVELS.get(alert.severity, logging.INFO),
        "%s %s (alert %s)%s",
        *(alert.severity.value, alert.title, alert.id, f": {alert.detail}" if alert.detail else ""),
    )
    routes = _routes()
    throttle = (routes or Routes()).throttle

    def becomes(case: Case | None) -> Case:
        updated = seen(case, alert, now, throttle)
        return posted(updated, routes, now, store.root) if routes else updated

    case = change(store, alert.id, becomes)
    rows = _deliver(store, case, routes, now) if routes and case else []
    if routes and routes.urls and not any(row["failed"] for row in rows):
        _deliver_another(store, routes, now)


def _routes() -> Routes | None:
    """The routes, or None when their file is wrong, which is logged."""
    try:
        return load_routes()
    except UsageError as error:
        log.error("alerts are stored but not sent: %s", redacted(str(error)))  # noqa: TRY400
        return None


def release(store: Objects, version: str, *, now: datetime | None = None) -> None:
    """Sends the messages that were held until a version's backfill ended: one per cause, with its partitions.

    Never raises.
    """
    moment = now or datetime.now(UTC)
    try:
        routes = _routes()
        held = [case for case in all_cases(store) if version in case.held]
        for case in held:
            _change_and_deliver(store, case, routes, moment, lambda case: released(case, version))
    except Exception as error:  # noqa: BLE001 - an alert must not fail a backfill
        log.error("alerts of version %s were not sent: %s", version, redacted(str(error)))  # noqa: TRY400


def deliver_due(store: Objects, *, now: datetime | None = None) -> list[dict[str, Any]]:
    """Sends messages that were held for too long or not delivered, and escalates unacknowledged alerts.

    Returns a row for each attempted message: id, severity, title, kind (`alert` or `escalation`), and the names
    of the routes in `delivered` and `failed`.

    Raises:
        UsageError: the file of routes is wrong.
        StorageError: the root cannot be read or written.
    """
    moment, routes = now or datetime.now(UTC), load_routes()
    rows: list[dict[str, Any]] = []
    for case in all_cases(store):
        rows += _change_and_deliver(
            store, case, routes, moment, lambda current: escalated(current, routes, moment, store.root)
        )
    return rows


def _change_and_deliver(
    store: Objects, case: Case, routes: Routes | None, now: datetime, becomes: Callable[[Case], Case]
) -> list[dict[str, Any]]:
    def changed(current: Case | None) -> Case | None:
        new = becomes(current) if current else None
        return posted(new, routes, now, store.root) if new and routes else new

    new = change(store, case.alert.id, changed)
    return _deliver(store, new, routes, now) if new and routes else []


def _deliver_another(store: Objects, routes: Routes, now: datetime) -> None:
    """Sends the due messages of one other case; not of all, because a chat that is down must not delay the run."""
    case = next((case for case in all_cases(store) if due(case, now)), None)
    if case:
        _deliver(store, case, routes, now)


def _deliver(store: Objects, case: Case, routes: Routes, now: datetime) -> list[dict[str, Any]]:
    """Sends the due messages of a case that no other process has taken."""
    if not due(case, now):
        return []
    taker = uuid4().hex
    leased = change(store, case.alert.id, lambda current: taken(current, now, taker) if current else None)
    mine = [message for message in leased.outbox if message.taker == taker] if leased else []
    return [_send(store, case, message, routes, now) for message in mine]


def _send(store: Objects, case: Case, message: Message, routes: Routes, now: datetime) -> dict[str, Any]:
    errors = send({name: routes.urls.get(name) for name in message.routes}, message.title, message.body)
    change(store, case.alert.id, lambda current: settled(current, message, errors, now) if current else None)
    for name, error in errors.items():
        if error is not None:
            log.warning("alert %s was not delivered to %s, delivery is retried: %s", case.alert.id, name, error)
    row = {"id": case.alert.id, "severity": case.alert.severity.value, "title": message.title, "kind": message.kind}
    failed = [name for name, error in errors.items() if error is not None]
    return {**row, "delivered": [name for name in errors if name not in failed], "failed": failed}
