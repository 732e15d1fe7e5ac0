"""`counterpoint backfill`: runs a range of partitions into a version, which `promote` publishes and `drop` deletes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from counterpoint.cli.environments import reexec
from counterpoint.cli.output import answer, echo, say, table
from counterpoint.cli.run import configuration_from, place_words, run_options, target_options
from counterpoint.cli.targets import open_target, take_target
from counterpoint.commands import command

if TYPE_CHECKING:
    import argparse

    from counterpoint.backfill import BackfillRequest

HELP = "run a range of partitions into a version; promote or drop a version"
EXAMPLE = """\
counterpoint backfill streamrec --from 2026-01-01 --to 2026-01-07 --version january
counterpoint backfill promote streamrec january"""
ACTIONS = ("promote", "drop")
_USAGE = "PIPELINE | promote PIPELINE TAG | drop PIPELINE TAG"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The pipeline and its range, or what to do with a version."""
    parser.add_argument(
        "words", nargs="+", metavar=_USAGE, help="the pipeline to run; or promote or drop a version of it"
    )
    parser.add_argument("--from", dest="first", metavar="A", help="first partition")
    parser.add_argument("--to", dest="last", metavar="B", help="last partition")
    strategies = ("sequential", "parallel", "prioritized")
    parser.add_argument(
        "--strategy", default="parallel", choices=strategies, help="order of the steps; default parallel"
    )
    parser.add_argument(
        "--max-parallel", type=int, default=os.cpu_count() or 2, metavar="N", help="steps at once; default one per CPU"
    )
    parser.add_argument("--version", metavar="TAG", help="version of the output; default backfill-A-B")
    parser.add_argument("--effects", action="store_true", help="also run effect steps")
    parser.add_argument("--dry-run", action="store_true", help="print the plan and a checklist, run nothing")
    parser.add_argument("--stale", action="store_true", help="run only partitions with a stale step")
    take_over_option(parser)
    run_options(parser)


def take_over_option(parser: argparse.ArgumentParser) -> None:
    """The option of commands that work on a backfill that another process may own."""
    words = "stop the process that owns the backfill, if it still runs, and continue in its place"
    parser.add_argument("--take-over", action="store_true", help=words)


def run(args: argparse.Namespace) -> int:
    """Runs, promotes or drops; returns 1 when a partition did not succeed."""
    if args.words[0] in ACTIONS:
        return _settle(args)
    asked = asked_of(args)
    if args.dry_run:
        return _dry_run(asked, args)
    return carry_out(asked, args)


def asked_of(args: argparse.Namespace) -> BackfillRequest:
    """The backfill that a command line asks for.

    Raises:
        UsageError: words or options are missing or wrong.
    """
    from counterpoint.backfill import BackfillRequest
    from counterpoint.errors import UsageError
    from counterpoint.runtime import find_pipeline
    from counterpoint.runtime.settings import refuse_unsaid
    from counterpoint.storage.objects import Objects
    from counterpoint.storage.tags import check_tag

    if len(args.words) != 1:
        raise UsageError(
            f"{' '.join(args.words)}: write backfill PIPELINE --from A --to B, or promote|drop PIPELINE TAG"
        )
    if not args.first or not args.last:
        raise UsageError("name the partitions: --from A --to B")
    if args.max_parallel < 1:
        raise UsageError(f"--max-parallel {args.max_parallel}: give 1 or more")
    target = take_target(args)
    version = check_tag(args.version or f"backfill-{args.first}-{args.last}")
    configuration = configuration_from(args, args.words[0])
    config, root = configuration.settings, configuration.root
    stale = ["--stale"] if args.stale else []
    words = ("backfill", args.words[0], "--from", args.first, "--to", args.last, "--version", version, *stale)
    refuse_unsaid(Objects(root), find_pipeline(args.words[0]), config, *words, *place_words(args))
    return BackfillRequest(
        pipeline=args.words[0],
        first=args.first,
        last=args.last,
        version=version,
        orchestrator=args.on,
        service=args.service,
        strategy=args.strategy,
        parallel=args.max_parallel,
        config=config,
        force=args.force,
        stale_only=args.stale,
        effects=args.effects,
        target=target,
        **configuration.carried,
    )


def carry_out(asked: BackfillRequest, args: argparse.Namespace, *, verify: bool = False) -> int:
    """Runs a backfill in the environment of its orchestrator and prints the result.

    With `verify` all that stands is read, and made again where it is not what was written.
    """
    code = reexec(asked.orchestrator, args.argv)
    if code is not None:
        return code
    from counterpoint.backfill import prepare, run_backfill
    from counterpoint.services import engine_for
    from counterpoint.services.service_environments import absolute

    root = absolute(args.root)
    prepared = prepare(asked, root, upstream=not getattr(args, "no_upstream", False), verify=verify)
    say(f"{asked.version}: {len(prepared.plan.cells)} steps to run, {len(prepared.plan.saved)} already exist")
    options, served = target_options(args), prepared.shared.configuration
    place = open_target(args, asked.target, root) or asked.orchestrator
    with engine_for(place, root, (asked.pipeline,), service=asked.service, options=options, config=served) as engine:
        report = run_backfill(prepared, engine, take_over=args.take_over)
    tell(report, as_json=args.json)
    if report["status"] == "success":
        say(f"publish the version: {command('backfill', 'promote', asked.pipeline, asked.version, root=root)}")
        return 0
    say(f"rerun only what failed: {command('retry', asked.pipeline, '--backfill', asked.version, root=root)}")
    return 1


def tell(report: dict[str, Any], *, as_json: bool) -> None:
    """Prints a report: as a table for people, or as JSON."""
    if as_json:
        answer(report)
        return
    rows = [
        (row["date"], row["status"], row["failed_step"], ", ".join(row["blocked_by"]) or _message(row))
        for row in (*report["upstream"], *report["partitions"])
    ]
    table(
        f"{report['version']}: {report['status']}", ("partition", "status", "failed step", "blocked by, or error"), rows
    )
    echo(f"{report['computed']} steps run, {report['saved']} reused, {report['seconds']:.1f} s")


def _message(row: dict[str, Any]) -> str | None:
    return f"{row['error']['type']}: {row['error']['message']}"[:120] if row["error"] else None


def _dry_run(asked: BackfillRequest, args: argparse.Namespace) -> int:
    from counterpoint.backfill import dry_run, prepare
    from counterpoint.services.service_environments import absolute

    plan = dry_run(prepare(asked, absolute(args.root), upstream=not args.no_upstream))
    if args.json:
        answer(plan)
        return 0
    rows = [(number, len(wave), f"{wave[0]} to {wave[-1]}") for number, wave in enumerate(plan["waves"], 1)]
    table(
        f"{asked.version}: {plan['cells']} steps in {len(plan['waves'])} waves",
        ("wave", "steps", "first to last"),
        rows,
    )
    echo(f"critical path {plan['critical_seconds']:.1f} s, shortest possible {plan['lower_bound_seconds']:.1f} s,"
        f" this plan about {plan['estimated_seconds']:.1f} s with {plan['slots']} steps at once")  # fmt: skip
    table(
        "Checklist",
        ("item", "ok", "result"),
        [(i["item"], _mark(i["ok"]), i["says"]) for i in plan["checklist"]],
    )
    return 0


def _mark(ok: bool | None) -> str:  # noqa: FBT001 - a value, not a switch
    return {True: "yes", False: "NO", None: "?"}[ok]


def _settle(args: argparse.Namespace) -> int:
    from counterpoint.backfill import drop_version, promote_version
    from counterpoint.errors import UsageError
    from counterpoint.services.service_environments import absolute

    if len(args.words) != 3:  # noqa: PLR2004 - action, pipeline, tag
        raise UsageError(f"write backfill {args.words[0]} PIPELINE TAG")
    action, pipeline, tag = args.words
    change_version = promote_version if action == "promote" else drop_version
    result = change_version(pipeline, tag, absolute(args.root), take_over=args.take_over)
    if args.json:
        answer(result)
    else:
        echo("; ".join(f"{name} {value}" for name, value in result.items()))
    return 0
