"""`counterpoint run`: runs one partition of a pipeline, on any orchestrator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.cli.configured import environment_of
from counterpoint.cli.environments import SIDES, reexec
from counterpoint.cli.output import answer, echo, table
from counterpoint.cli.secrets import DATABASE, database_of
from counterpoint.cli.targets import open_target, take_target
from counterpoint.commands import absolute_source
from counterpoint.orchestrators import LOCAL
from counterpoint.redaction import redacted

if TYPE_CHECKING:
    import argparse

    from counterpoint.model import Configuration, RunRecord, RunRequest

HELP = "run one partition of a pipeline"
EXAMPLE = """\
counterpoint run streamrec --date 2026-01-07
counterpoint run streamrec --date 2026-01-07 --on dagster --set seed=7"""
PIPELINE = "a registered name, or package.module:object"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The pipeline, its partition, and where and how it runs."""
    parser.add_argument("pipeline", metavar="PIPELINE", help=PIPELINE)
    parser.add_argument(
        "--date",
        required=True,
        metavar="D",
        help="key of the partition: YYYY-MM-DD, YYYY-MM-DDTHH, YYYY-MM; of a week the Monday",
    )
    parser.add_argument("--no-effects", action="store_true", help="skip effect steps")
    run_options(parser)


def run_options(parser: argparse.ArgumentParser) -> None:
    """The options of all commands that run partitions: where, on what, and what is computed."""
    parser.add_argument(
        "--on", default=LOCAL, choices=SIDES, metavar="SIDE", help="local (default) or an orchestrator, see 'doctor'"
    )
    setting_options(parser)
    about = "run on the target of the environment; without one, on the orchestrator's services, started if needed"
    parser.add_argument(
        "--service",
        action="store_true",
        help=about,
    )
    parser.add_argument(
        "--no-upstream", action="store_true", help="fail if earlier partitions are missing, do not compute them"
    )
    parser.add_argument("--force", action="store_true", help="recompute outputs that are fresh")
    service_options(parser)


def setting_options(parser: argparse.ArgumentParser) -> None:
    """The options that override settings of the pipeline; `settings` reads them."""
    parser.add_argument(
        "--source", metavar="SRC", help="input: synthetic[:k=v,...], or a file or folder[,profile=FILE.toml]"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=JSON", help="override a setting; repeatable"
    )


def service_options(parser: argparse.ArgumentParser) -> None:
    """The options of all commands that start services."""
    parser.add_argument(
        "--database",
        metavar="URL",
        help=f"the orchestrator's database, postgresql://...; default {DATABASE}, else SQLite",
    )
    parser.add_argument(
        "--port", action="append", default=[], metavar="NAME=N", help="fixed port of a service, as web=8080; repeatable"
    )


def target_options(args: argparse.Namespace) -> dict[str, Any]:
    """The service options as `new_target` takes them.

    Raises:
        UsageError: a port is not written NAME=N.
    """
    from counterpoint.errors import UsageError

    ports = {}
    for text in args.port:
        name, _, number = text.partition("=")
        if not number.isdecimal():
            raise UsageError(f"--port {text}: write it NAME=NUMBER, for example web=8080")
        ports[name] = int(number)
    return {"ports": ports, "database": database_of(args)}


def place_words(args: argparse.Namespace) -> list[str]:
    """The options on how a partition is run, other than its settings and the root."""
    flags = ("service", "no_upstream", "force")
    words = [f"--{name.replace('_', '-')}" for name in flags if getattr(args, name, False)]
    services = ["--database", redacted(args.database)] if args.database else []
    ports = [word for port in args.port for word in ("--port", port)]
    return [*(["--on", args.on] if args.on != LOCAL else []), *words, *services, *ports]


def settings(args: argparse.Namespace) -> dict[str, Any]:
    """The settings that the command line overrides.

    Raises:
        UsageError: one is not written NAME=JSON.
    """
    from counterpoint.documents import parsed
    from counterpoint.errors import UsageError

    values: dict[str, Any] = {}
    for text in args.set:
        name, _, value = text.partition("=")
        try:
            values[name] = parsed(value)
        except ValueError:
            shortened = text if len(text) < 100 else f"{text[:100]}..."  # noqa: PLR2004 - a line
            raise UsageError(
                f"--set {shortened}: write it NAME=JSON, for example seed=7 or 'gate={{\"k\": 1}}'"
            ) from None
    if args.source:
        values["source"] = absolute_source(args.source)
    return values


def configuration_from(args: argparse.Namespace, pipeline: str) -> Configuration:
    """The configuration of a pipeline by a command line: its options beat the environment.

    Raises:
        UsageError: an option is not written as it should be, or the environment says what the pipeline has not.
    """
    from counterpoint.configuration import configuration_of
    from counterpoint.services.service_environments import absolute

    return configuration_of(environment_of(args), pipeline, settings(args), absolute(args.root))


def request_of(args: argparse.Namespace) -> RunRequest:
    """The request of a command line."""
    from counterpoint.model import RunRequest
    from counterpoint.runtime.registry import find_pipeline
    from counterpoint.runtime.settings import refuse_unsaid
    from counterpoint.services.launch import new_run_id
    from counterpoint.storage.objects import Objects

    pipeline, configuration = find_pipeline(args.pipeline), configuration_from(args, args.pipeline)
    config, root = configuration.settings, configuration.root
    pipeline.configured(config).partitions.partition(args.date)
    words = ("run", args.pipeline, "--date", args.date, *place_words(args))
    refuse_unsaid(Objects(root), pipeline, config, *words)
    return RunRequest(
        pipeline=args.pipeline,
        partition=args.date,
        run_id=new_run_id(pipeline.name, args.date, args.on),
        root=root,
        orchestrator=args.on,
        config=config,
        force=args.force,
        effects=False if args.no_effects else None,
        **configuration.carried,
    )


def run(args: argparse.Namespace) -> int:
    """Runs the partition and prints the result of each step."""
    name = take_target(args)
    code = reexec(args.on, args.argv)
    if code is not None:
        return code
    from counterpoint.services import engine_for
    from counterpoint.services.launch import launch

    request = request_of(args)
    options, target = target_options(args), open_target(args, name, request.root)
    place, served = target or args.on, request.configuration
    with engine_for(
        place, request.root, (args.pipeline,), service=args.service, options=options, config=served
    ) as engine:
        record = launch(request, engine, upstream=not args.no_upstream)
    tell(record, as_json=args.json)
    return 0 if record.status == "success" else 1


def tell(record: RunRecord, *, as_json: bool) -> None:
    """Prints a run: as a table for people, or as JSON."""
    if as_json:
        answer(record.to_dict())
        return
    rows = [
        (
            s.name,
            s.status.value,
            s.attempts,
            s.output.rows if s.output else None,
            s.output.digest[:19] if s.output else "",
        )
        for s in record.steps
    ]
    table(f"{record.run_id}: {record.status.value}", ("step", "status", "attempts", "rows", "digest"), rows)
    for step in record.steps:
        if "reason" in step.details:
            echo(f"{step.name}: {step.status.value}: {step.details['reason']}")
        if step.error:
            echo(f"{step.name}: {step.error.type}: {step.error.message} ({step.error.where})")
