"""`counterpoint watch`: alerts about runs that miss or will miss their deadline, and about outputs that are too old."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from counterpoint.cli.output import answer, echo, say, table

if TYPE_CHECKING:
    import argparse

HELP = "alert about missed deadlines, expected misses and outdated outputs"
EXAMPLE = "counterpoint watch streamrec --once"
_UNITS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600}


def arguments(parser: argparse.ArgumentParser) -> None:
    """The pipelines, and the time between checks."""
    parser.add_argument(
        "pipelines",
        nargs="*",
        metavar="PIPELINE",
        help="pipelines to check; default every pipeline with runs in the root",
    )
    parser.add_argument("--once", action="store_true", help="check once and exit, for cron")
    parser.add_argument("--every", default="60s", metavar="T", help="time between checks: 60s (default), 5m, 1h")


def run(args: argparse.Namespace) -> int:
    """Checks once, or until it is interrupted; with --json, one document per check, in the loop one per line."""
    from counterpoint.alerts.routes import load_routes
    from counterpoint.errors import CounterpointError
    from counterpoint.runtime.registry import find_pipeline
    from counterpoint.services.service_environments import absolute

    root, every, memory, shown = absolute(args.root), seconds(args.every), dict[str, datetime](), set[str]()
    load_routes()
    for name in args.pipelines:
        find_pipeline(name)
    while True:
        try:
            _show(args, _look(root, args.pipelines, memory), shown)
        except CounterpointError as error:
            if args.once:
                raise
            say(f"counterpoint: {error}; next check in {args.every}")
        if args.once:
            return 0
        time.sleep(every)


def seconds(text: str) -> int:
    """The number of seconds of a text such as `60s`, `5m`, `1h` or `60`.

    Raises:
        UsageError: the text has another form, or is zero.
    """
    from counterpoint.errors import UsageError

    match = re.fullmatch(r"(\d+)(|s|m|min|h)", text)
    if not match or int(match[1]) == 0:
        raise UsageError(f"--every {text}: write a time above zero, for example 60s, 5m or 1h")
    return int(match[1]) * _UNITS[match[2]]


def _look(root: str, names: list[str], memory: dict[str, datetime]) -> dict[str, Any]:
    from counterpoint.monitoring import names_below, watch

    return watch(root, names or names_below(root), datetime.now(UTC), memory)


def _show(args: argparse.Namespace, sweep: dict[str, Any], shown: set[str]) -> None:
    """Prints the answer as JSON or, with --once, as tables; otherwise only its new lines."""
    if args.json and args.once:
        answer(sweep)
    elif args.json:
        print(json.dumps(sweep), flush=True)
    elif args.once:
        _tables(sweep)
    else:
        lines = set(_lines(sweep))
        for line in sorted(lines - shown):
            echo(line)
        shown.clear()
        shown.update(lines)
    if not sweep["pipelines"] and not shown:
        say(f"no registered pipeline has runs in {sweep['root']}: name the pipelines, or another --root")
        shown.add("")


def _tables(sweep: dict[str, Any]) -> None:
    runs = [(pipeline["pipeline"], run) for pipeline in sweep["pipelines"] for run in pipeline["runs"]]
    columns = ("pipeline", "partition", "state", "deadline", "punctuality", "expected end", "waits for")
    rows = [
        (n, r["partition"], r["state"], r["deadline"], r["punctuality"], r["expected"], ", ".join(r["waits_for"]))
        for n, r in runs
    ]
    table("Scheduled runs", columns, rows)
    outputs = [(pipeline["pipeline"], output) for pipeline in sweep["pipelines"] for output in pipeline["outputs"]]
    table(
        "Outputs with a freshness limit",
        ("pipeline", "step", "newest partition", "published", "too old"),
        [(n, o["step"], o["partition"], o["published"], "yes" if o["too_old"] else "no") for n, o in outputs],
    )


def _lines(sweep: dict[str, Any]) -> list[str]:
    lines = []
    for pipeline in sweep["pipelines"]:
        name = pipeline["pipeline"]
        lines += [f"{name} {run['partition']}: {run['state']}, {run['punctuality']}" for run in pipeline["runs"]]
        lines += [f"{name} {out['step']}: too old" for out in pipeline["outputs"] if out["too_old"]]
    return lines
