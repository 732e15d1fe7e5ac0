"""`counterpoint migrate validate`: proves that both sides produce the same data, or names the first difference."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.cli.configured import environment_of
from counterpoint.cli.environments import SIDES, python_of
from counterpoint.cli.output import answer, echo, say, table
from counterpoint.cli.run import PIPELINE, setting_options
from counterpoint.commands import command

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from counterpoint_migrate.validate.validate import Question

ABOUT = "compare the outputs of both sides for the same dates, and name the first difference"
EXAMPLE = """\
counterpoint migrate validate streamrec --from airflow --to dagster --dates 2026-01-01..2026-01-07
counterpoint migrate validate --again verdict/verdict.json"""
_SAMPLES = 5


def arguments(sub: argparse.ArgumentParser) -> None:
    """Both sides, the dates, and how they are compared; or a verdict to recheck."""
    sub.add_argument("pipeline", metavar="PIPELINE", nargs="?", help=PIPELINE)
    comparing(sub)
    sub.add_argument("--again", metavar="VERDICT", type=Path, help="recheck a verdict.json; takes no PIPELINE")


def comparing(sub: argparse.ArgumentParser) -> None:
    """The options of every action that compares two sides."""
    sub.add_argument(
        "--from",
        dest="from_side",
        default="airflow",
        choices=SIDES,
        metavar="SIDE",
        help="reference side; default airflow",
    )
    sub.add_argument(
        "--to",
        dest="to_side",
        default="dagster",
        choices=SIDES,
        metavar="SIDE",
        help="side to validate; default dagster",
    )
    sub.add_argument("--dates", metavar="A..B", help="first and last date, or one date")
    sub.add_argument(
        "--legacy", metavar="FILE.toml", type=Path, help="file with the place of existing outputs of the --from side"
    )
    sub.add_argument(
        "--out", metavar="DIR", type=Path, default=Path("verdict"), help="folder of the verdict; default ./verdict"
    )
    sub.add_argument(
        "--tolerance", metavar="X", help="absolute tolerance, of all numbers (X) or of columns (COLUMN=X,...)"
    )
    sub.add_argument(
        "--strict-order", action="store_true", help="count a different order or case of columns as a difference"
    )
    sub.add_argument("--service", action="store_true", help="run on the orchestrators' services; start them if needed")
    setting_options(sub)


def run(args: argparse.Namespace) -> int:
    """Compares the sides, or rechecks a verdict; the exit code is 4 on a difference."""
    return _recheck(args) if args.again else _validate(args)


def question_of(args: argparse.Namespace, folder: str | None = None) -> Question:
    """The question of a command line.

    Args:
        args: the parsed command line.
        folder: the folder for the runs of both sides; by default the root.

    Raises:
        UsageError: arguments or options are missing or wrong.
    """
    from counterpoint.cli.diff_options import tolerance_of
    from counterpoint.cli.run import settings
    from counterpoint.configuration import configuration_of
    from counterpoint.diff import Options
    from counterpoint.errors import UsageError
    from counterpoint.runtime import find_pipeline
    from counterpoint.runtime.settings import refuse_unsaid
    from counterpoint.services.service_environments import absolute
    from counterpoint.storage.objects import Objects
    from counterpoint_migrate.validate.validate import Question

    if not args.pipeline or not args.dates:
        raise UsageError("name what to compare: PIPELINE --dates A..B, or --again VERDICT")
    first, dots, last = args.dates.partition("..")
    config = dict(configuration_of(environment_of(args), args.pipeline, settings(args)).settings)
    sides = ("--from", args.from_side, "--to", args.to_side, "--dates", args.dates)
    words = ("migrate", args.action, args.pipeline, *sides, *(["--service"] if args.service else []))
    question = Question(
        pipeline=args.pipeline,
        first=first,
        last=last if dots else first,
        source=args.from_side,
        target=args.to_side,
        root=folder or absolute(args.root),
        config=config,
        words=_words(args, config),
        legacy=args.legacy,
        service=args.service,
        options=Options((), tolerance_of(args.tolerance or "0"), _SAMPLES),
        strict_order=args.strict_order,
    )
    refuse_unsaid(Objects(absolute(args.root)), find_pipeline(args.pipeline), config, *words)
    return question


def _words(args: argparse.Namespace, config: Mapping[str, Any]) -> tuple[str, ...]:
    """The options with the settings, and `--quiet`, for the command of each side."""
    words = [word for setting in args.set for word in ("--set", setting)]
    words += ["--source", config["source"]] if args.source else []
    environment = environment_of(args)
    words += ["--env", environment.name] if environment else []
    return (*words, *(["--quiet"] if args.quiet else []))


def _validate(args: argparse.Namespace) -> int:
    from counterpoint.errors import DifferenceError
    from counterpoint_migrate.validate.verdict import validate
    from counterpoint_migrate.validate.verdictpage import write_verdict

    verdict = validate(question_of(args), python_of, args.argv)
    page = write_verdict(verdict, args.out)
    if args.json:
        answer(verdict)
    _print_verdict(verdict, beside=args.json)
    say(f"verdict: {page}")
    recheck_command = command("migrate", "validate", "--again", str(args.out.absolute() / "verdict.json"), root=None)
    say(f"recheck the verdict: {recheck_command}")
    return 0 if verdict["equal"] else DifferenceError.exit_code


def _print_verdict(verdict: Mapping[str, Any], *, beside: bool) -> None:
    from counterpoint_migrate.validate.verdictpage import sentence_of

    for cause in verdict["causes"]:
        title = f"First difference: {cause['step']} of {', '.join(cause['dates'])}"
        table(title, ("difference",), [(evidence,) for evidence in cause["evidence"]], beside=beside)
        echo(
            f"likely cause: {cause['hint']['text']}" if cause["hint"] else "cause unknown: see the samples on the page",
            beside=beside,
        )
    if verdict["consequences"]:
        rows = [
            (consequence["step"], ", ".join(consequence["dates"]), ", ".join(consequence["because"]))
            for consequence in verdict["consequences"]
        ]
        table("Differences that follow from it", ("step", "dates", "caused by"), rows, beside=beside)
    for note in verdict["notes"]:
        echo(f"{note['step']}: {note['note']} ({len(note['dates'])} dates); counted as equal", beside=beside)
    if verdict["not_compared"]:
        echo(f"not compared: {', '.join(step['step'] for step in verdict['not_compared'])}", beside=beside)
    echo(sentence_of(verdict), beside=beside)


def _recheck(args: argparse.Namespace) -> int:
    from counterpoint.errors import DifferenceError
    from counterpoint_migrate.validate.recheck import check_again, read_verdict

    result = check_again(read_verdict(args.again))
    if args.json:
        answer(result)
    _print_recheck(result, beside=args.json)
    return 0 if result["holds"] else DifferenceError.exit_code


def _print_recheck(result: Mapping[str, Any], *, beside: bool) -> None:
    if result["changed"]:
        rows = [
            (change["step"], change["date"], change["what"], change["was"], change["now"])
            for change in result["changed"]
        ]
        table("Changed since the verdict", ("step", "date", "value", "in the verdict", "now"), rows, beside=beside)
    outcome = "equal" if result["equal"] else "different"
    holds = f"still holds: {outcome}" if result["holds"] else "no longer holds"
    echo(f"{result['checked']} outputs rechecked: the verdict {holds}", beside=beside)
