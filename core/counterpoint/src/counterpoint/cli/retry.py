"""`counterpoint retry`: reruns the failed steps of a run or a backfill, and the steps that depend on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.cli.backfill import take_over_option
from counterpoint.cli.run import PIPELINE, service_options

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

HELP = "rerun only the failed steps and the steps that depend on them"
EXAMPLE = "counterpoint retry streamrec --backfill january"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The pipeline, and the run or the backfill."""
    parser.add_argument("pipeline", metavar="PIPELINE", help=PIPELINE)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--run", dest="run_id", metavar="RUN", help="id of a failed run")
    which.add_argument("--backfill", metavar="TAG", help="version of a backfill")
    take_over_option(parser)
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=JSON", help="a secret setting: runs do not store secrets"
    )
    service_options(parser)


def run(args: argparse.Namespace) -> int:
    """Reruns a run or a backfill with its first request; successful steps are reused."""
    from counterpoint.runtime import find_pipeline
    from counterpoint.services.service_environments import absolute
    from counterpoint.storage import Store

    pipeline = find_pipeline(args.pipeline)
    store = Store(absolute(args.root), pipeline)
    return _backfill(args, store) if args.backfill else _run(args, store)


def _refuse_others(args: argparse.Namespace, recorded: Mapping[str, Any]) -> None:
    """Refuses settings that the run has recorded: a retry reuses them."""
    from counterpoint.errors import UsageError
    from counterpoint.redaction import is_sealed

    for name in (text.partition("=")[0] for text in args.set):
        if not is_sealed(recorded.get(name)):
            raise UsageError(f"--set {name}: 'retry' reuses the run's settings; only its secrets can be given again")


def _backfill(args: argparse.Namespace, store: object) -> int:
    from dataclasses import replace

    from counterpoint.backfill import BackfillRequest, manifest_of
    from counterpoint.cli.backfill import carry_out

    request = BackfillRequest(**manifest_of(store, args.backfill)["asked"])  # type: ignore[arg-type]
    _refuse_others(args, request.config)
    # with --force it would recompute successful steps
    return carry_out(replace(request, force=False, stale_only=False), args, verify=True)


def _run(args: argparse.Namespace, store: object) -> int:
    from dataclasses import replace

    from counterpoint.cli.environments import reexec
    from counterpoint.cli.output import say
    from counterpoint.cli.run import target_options, tell
    from counterpoint.errors import UsageError
    from counterpoint.model import RunRequest
    from counterpoint.orchestrators import LOCAL
    from counterpoint.runtime.adapter_support import DEPLOYED
    from counterpoint.services import engine_for
    from counterpoint.services.launch import launch, new_run_id
    from counterpoint.storage import layout

    stored = store.get_json(layout.run_request(store.pipeline.name, args.run_id))  # type: ignore[attr-defined]
    if stored is None:
        raise UsageError(f"pipeline {args.pipeline} has no run {args.run_id!r} below {args.root}: name another --root?")
    request = RunRequest.from_json(stored["request"])
    _refuse_others(args, request.config)
    if stored.get(DEPLOYED):
        say(f"{args.run_id} ran in an installation that Counterpoint does not control; the retry runs here")
        request = replace(request, orchestrator=LOCAL)
    code = reexec(request.orchestrator, args.argv)
    if code is not None:
        return code
    run_id = new_run_id(store.pipeline.name, request.partition, request.orchestrator)  # type: ignore[attr-defined]
    origin = request.origin or request.run_id
    request = replace(request, run_id=run_id, force=False, scheduled=False, origin=origin)
    service = bool(stored.get("service"))
    names, options, served = (request.pipeline,), target_options(args), request.configuration
    with engine_for(
        request.orchestrator, request.root, names, service=service, options=options, config=served
    ) as engine:
        record = launch(request, engine)
    tell(record, as_json=args.json)
    return 0 if record.status == "success" else 1
