"""`counterpoint alerts`: lists alerts, acknowledges one, and tests the routes that deliver them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from counterpoint.cli.output import answer, echo, table

if TYPE_CHECKING:
    import argparse

    from counterpoint.alerts.incident import Case
    from counterpoint.alerts.routes import Routes
    from counterpoint.storage.objects import Objects

HELP = "list alerts by severity, acknowledge one, or send a test message"
EXAMPLE = "counterpoint alerts list --all\ncounterpoint alerts test P1"
_USAGE = "list | ack ID | test SEVERITY"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, and with which alert or severity."""
    parser.add_argument("words", nargs="+", metavar=_USAGE, help="what to do, and with which alert or severity")
    parser.add_argument("--all", action="store_true", help="list: include alerts that are acknowledged or only logged")
    parser.add_argument("--by", metavar="NAME", help="ack: the person who takes the alert; default the current user")
    parser.add_argument(
        "--reset", action="store_true", help="ack: also switch on the step that the circuit breaker switched off"
    )


def run(args: argparse.Namespace) -> int:
    """Lists, acknowledges or tests; returns 1 when a test message was not delivered everywhere."""
    from counterpoint.alerts.delivery import check
    from counterpoint.alerts.routes import load_routes
    from counterpoint.errors import UsageError
    from counterpoint.services.service_environments import absolute
    from counterpoint.storage.objects import Objects

    routes = load_routes()
    check(routes)
    store = Objects(absolute(args.root))
    match args.words:
        case ["list"]:
            return _list(store, args)
        case ["ack", alert_id]:
            return _acknowledge(store, alert_id, args)
        case ["test", severity]:
            return _test(routes, severity, args)
    raise UsageError(f"alerts {' '.join(args.words)}: write alerts {_USAGE}")


def _list(store: Objects, args: argparse.Namespace) -> int:
    from counterpoint.alerts.incidents import all_cases

    shown = [case for case in all_cases(store) if args.all or case.is_open]
    if args.json:
        answer([case.to_dict() for case in shown])
        return 0
    echo(f"{len(shown)} {'alerts' if args.all else 'open alerts'}")
    for case in shown:
        echo(_line(case))
    return 0


def _line(case: Case) -> str:
    """The line of an alert; a table would cut the id on a narrow terminal."""
    undelivered = ", ".join(route for message in case.outbox for route in message.routes)
    parts = (
        f"{case.alert.id} {case.alert.severity.value} {case.alert.title}",
        f"{case.count} times, last {case.last_seen:%Y-%m-%d %H:%M} UTC",
        f"acknowledged by {case.acknowledged['by']}" if case.acknowledged else "",
        f"recovered {case.healed:%Y-%m-%d %H:%M} UTC" if case.healed else "",
        f"held until {', '.join(case.held)} ends" if case.held else "",
        f"not yet delivered to {undelivered}" if undelivered else "",
    )
    return " | ".join(part for part in parts if part)


def _acknowledge(store: Objects, alert_id: str, args: argparse.Namespace) -> int:
    import getpass
    from datetime import UTC, datetime

    from counterpoint.alerts.incident import acknowledged
    from counterpoint.alerts.incidents import case_of, change

    case, by = case_of(store, alert_id), args.by or getpass.getuser()
    if args.reset:
        _switch_on(store, case)
    new = change(store, alert_id, lambda current: acknowledged(current or case, by, datetime.now(UTC)))
    if args.json:
        answer([new.to_dict()] if new else [])
    else:
        echo(f"{alert_id} is acknowledged by {by}{'; its step is switched on' if args.reset else ''}")
    return 0


def _switch_on(store: Objects, case: Case) -> None:
    from counterpoint.errors import UsageError
    from counterpoint.model import FailureClass
    from counterpoint.runtime.breaker import switch_on

    alert = case.alert
    if alert.failure is not FailureClass.SWITCHED_OFF or alert.step is None:
        raise UsageError(
            f"alert {alert.id} does not concern a step that is switched off: acknowledge it without --reset"
        )
    switch_on(store, alert.pipeline, alert.step)


def _test(routes: Routes, word: str, args: argparse.Namespace) -> int:
    from counterpoint.alerts.delivery import send
    from counterpoint.alerts.routes import ROUTES
    from counterpoint.errors import UsageError
    from counterpoint.model import Severity

    known = [severity.value for severity in Severity]
    if word not in known:
        raise UsageError(f"{word!r} is not a severity: choose from {', '.join(known)}")
    names = routes.of(Severity(word))
    if not names:
        raise UsageError(f"{word} has no routes: set {ROUTES} to a file of routes, see docs/how-to/alerts.md")
    errors = send({name: routes.urls[name] for name in names}, f"[{word}] test", "A test of 'counterpoint alerts'.")
    if args.json:
        answer([{"route": name, "error": error} for name, error in errors.items()])
    else:
        table("Test messages", ("route", "result"), [(name, error or "delivered") for name, error in errors.items()])
    return int(any(errors.values()))
