"""`counterpoint retry`: reruns the failed steps of a run or a backfill, and the steps that depend on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.cli.backfill import take_over_option
from counterpoint.cli.run import PIPELINE, service_options
from counterpoint.cli.targets import declared_target, open_target

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from counterpoint.model import RunRequest

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


def _target_of(args: argparse.Namespace, stored: Mapping[str, Any], request: RunRequest) -> str | None:
    """The target that retries a run: its own, or that of the environment for a run that its server began by itself."""
    from counterpoint.runtime.adapter_support import DEPLOYED
    from counterpoint.runtime.request_store import TARGET

    declared = declared_target(args)
    if stored.get(DEPLOYED) and declared is not None and declared.kind == request.orchestrator:
        return declared.name
    return stored.get(TARGET)


def _unrecorded(args: argparse.Namespace) -> dict[str, Any] | None:
    """The request of a run that the environment's server began and no worker has recorded; None if unknown."""
    from counterpoint.adapter import find_adapter
    from counterpoint.cli.configured import environment_of
    from counterpoint.cli.targets import target_of_environment
    from counterpoint.configuration import configuration_of
    from counterpoint.model import RunRequest
    from counterpoint.runtime import find_pipeline
    from counterpoint.runtime.adapter_support import DEPLOYED
    from counterpoint.services.reaching import reach
    from counterpoint.services.service_environments import absolute

    root = absolute(args.root)
    target = target_of_environment(args, root)
    if target is None:
        return None
    adapter = find_adapter(target.kind)
    reach(adapter, target)
    key = adapter.partition_of(target, find_pipeline(args.pipeline), args.run_id.removeprefix(f"{target.kind}-"))
    if key is None:
        return None
    configuration = configuration_of(environment_of(args), args.pipeline, {}, root)
    request = RunRequest(
        args.pipeline, key, args.run_id, root, target.kind, config=configuration.settings, **configuration.carried
    )
    return {"request": request.to_json(), DEPLOYED: True}


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
    if stored is None and (declared := declared_target(args)):
        code = reexec(declared.kind, args.argv)
        if code is not None:
            return code
        stored = _unrecorded(args)
    if stored is None:
        raise UsageError(f"pipeline {args.pipeline} has no run {args.run_id!r} below {args.root}: name another --root?")
    request = RunRequest.from_json(stored["request"])
    _refuse_others(args, request.config)
    name = _target_of(args, stored, request)
    if name is None and stored.get(DEPLOYED):
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
    place = open_target(args, name, request.root) or request.orchestrator
    with engine_for(place, request.root, names, service=service, options=options, config=served) as engine:
        record = launch(request, engine)
    tell(record, as_json=args.json)
    return 0 if record.status == "success" else 1
