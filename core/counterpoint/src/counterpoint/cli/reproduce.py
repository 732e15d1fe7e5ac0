"""`counterpoint reproduce`: makes a registered model or a run again from its lineage alone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from counterpoint.cli.output import answer, echo, say, table

if TYPE_CHECKING:
    import argparse

    from counterpoint.reproduction import Reproduction

HELP = "rebuild a registered model or a run from its lineage and compare it bit for bit"
EXAMPLE = """\
counterpoint reproduce streamrec-ranking
counterpoint reproduce streamrec-ranking@3 --json"""
_SHOWN = 20


def arguments(parser: argparse.ArgumentParser) -> None:
    """The model or the run."""
    about = "a registered model as NAME (its champion), NAME@VERSION or NAME@ALIAS, or a run id"
    parser.add_argument("subject", metavar="MODEL[@VERSION]", help=about)


def run(args: argparse.Namespace) -> int:
    """Makes it again; 0 when it is the same bit for bit, 4 when it differs."""
    from counterpoint.reproduction import reproduce, subject_of
    from counterpoint.services.service_environments import absolute

    subject = subject_of(absolute(args.root), args.subject)
    reproduction = reproduce(subject, _python(subject.lineage["orchestrator"]))
    if args.json:
        answer(reproduction.to_dict())
    else:
        _tell(reproduction)
    return reproduction.exit_code


def _python(orchestrator: str) -> Path:
    """The Python of the environment that the run was made in; this one where there is none here."""
    from counterpoint.cli.environments import python_of
    from counterpoint.errors import ServiceError

    try:
        return python_of(orchestrator)
    except ServiceError:
        say(f"{orchestrator} is not installed here: the steps are made again in this environment")
        return Path(sys.executable)


def _tell(reproduction: Reproduction) -> None:
    rows = [(o.step, o.recorded, o.error or o.now, "same" if o.same else "differs") for o in reproduction.outputs]
    if rows:
        title = f"{reproduction.subject}: run {reproduction.run_id}, {reproduction.code}"
        table(title, ("output", "recorded", "now", ""), rows)
    for note in reproduction.notes:
        echo(f"note: {note}")
    for missing in reproduction.missing:
        echo(f"not kept any more: {missing}")
    if shown := [(d.kind, d.what, d.recorded, d.now) for d in reproduction.differences[:_SHOWN]]:
        more = len(reproduction.differences) - len(shown)
        title = "Not as it was recorded" + (f" ({more} more with --json)" if more else "")
        table(title, ("kind", "what", "recorded", "now"), shown)
    echo(f"{reproduction.subject}: {_verdict(reproduction)}")


def _verdict(reproduction: Reproduction) -> str:
    if reproduction.same:
        return "the same, bit for bit"
    if reproduction.missing:
        return "cannot be made again, for inputs are not kept any more"
    if reproduction.first is None:
        return "different, and nothing that is recorded explains it: the step may not be deterministic"
    first = reproduction.first
    return f"different; the first thing that differs is {first.kind}: {first.what} ({first.recorded} -> {first.now})"
