"""`counterpoint approve`: approves or rejects a step that waits for a person, or lists such steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.cli.output import answer, echo, minute, say, table

if TYPE_CHECKING:
    import argparse

    from counterpoint.storage.objects import Objects

HELP = "approve or reject a step that waits for a person"
EXAMPLE = """\
counterpoint approve --list
counterpoint approve shop-2026-01-07-local-20260108T021500000000 publish --by risk
counterpoint approve shop-2026-01-07-local-20260108T021500000000 publish --reject --reason 'revenue doubled'"""
_COLUMNS = ("pipeline", "date", "step", "by", "note", "inputs", "since (UTC)", "until (UTC)", "run")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The run and the step, and what is decided."""
    about = "a run id, or the orchestrator's own run id (or its first 8 characters)"
    parser.add_argument("subject", metavar="RUN", nargs="?", help=about)
    parser.add_argument("step", metavar="STEP", nargs="?", help="the step that waits")
    parser.add_argument("--by", metavar="NAME", help="who approves; default the login user")
    parser.add_argument("--reject", action="store_true", help="reject: the step fails with the reason")
    parser.add_argument("--reason", metavar="TEXT", default="", help="why; a rejection needs one")
    parser.add_argument("--list", action="store_true", help="list the steps that wait for an approval")


def run(args: argparse.Namespace) -> int:
    """Keeps the decision, or prints what waits for one."""
    from counterpoint.errors import UsageError
    from counterpoint.services.service_environments import absolute
    from counterpoint.storage.objects import Objects

    objects = Objects(absolute(args.root))
    if args.list:
        if args.subject or args.reject:
            raise UsageError("--list stands alone: leave out RUN, STEP and --reject")
        return _list(objects, as_json=args.json)
    if not args.subject or not args.step:
        raise UsageError("name the run and the step, or list what waits by --list")
    if args.reject and not args.reason.strip():
        raise UsageError("--reject needs a reason, which the step fails with: add --reason TEXT")
    return _decide(objects, args)


def _decide(objects: Objects, args: argparse.Namespace) -> int:
    import getpass
    import socket

    from counterpoint.diagnosis import find_run
    from counterpoint.runtime.approvals import Responder, decide

    login = getpass.getuser()
    responder = Responder(args.by or login, "command", login, socket.gethostname())
    place = find_run(objects, args.subject)
    decision = decide(objects, place, args.step, responder, approved=not args.reject, reason=args.reason.strip())
    if args.json:
        answer({"decision": decision.to_dict()})
        return 0
    echo(f"{args.step} of run {decision.run_id} is {decision} (inputs {decision.digest})")
    say("the run goes on at its next look" if decision.approved else "the step fails at its next look")
    return 0


def _list(objects: Objects, *, as_json: bool) -> int:
    from counterpoint.runtime.approvals import pending

    waiting = pending(objects)
    if as_json:
        answer({"pending": waiting})
    elif waiting:
        table("Steps that wait for an approval", _COLUMNS, map(_row, waiting))
        for step in waiting:
            echo(step["command"])
    else:
        echo(f"no step waits for an approval below {objects.root}")
    return 0


def _row(step: dict[str, Any]) -> tuple[Any, ...]:
    named = (step["pipeline"], step["date"], step["step"], " or ".join(step["by"]) or "anyone")
    when = (minute(step["since"]), minute(step["until"]))
    return (*named, step["note"], step["digest"][:19], *when, step["run_id"])
