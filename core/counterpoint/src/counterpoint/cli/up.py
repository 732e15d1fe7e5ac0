"""`counterpoint up`: starts an orchestrator's services and web page, and stops them on Ctrl-C."""

from __future__ import annotations

import shlex
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from counterpoint.cli.configured import environment_of
from counterpoint.cli.environments import ORCHESTRATORS, reexec
from counterpoint.cli.output import answer, echo, say
from counterpoint.cli.run import service_options, setting_options, settings, target_options
from counterpoint.commands import command, setting_words

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from counterpoint.adapter import Adapter, ServiceEnvironment
    from counterpoint.configuration import Environment
    from counterpoint.model import Configuration
    from counterpoint.storage.objects import Objects

_LOOK_SECONDS = 0.5
HELP = "start an orchestrator's services with pipelines, schedules and sensors, until Ctrl-C"
EXAMPLE = "counterpoint up dagster --pipeline streamrec --port web=8080"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The orchestrator, and how its services are set up."""
    parser.add_argument(
        "orchestrator", metavar="ORCHESTRATOR", choices=ORCHESTRATORS, help="an orchestrator, see 'doctor'"
    )
    parser.add_argument(
        "--pipeline",
        action="append",
        metavar="PIPELINE",
        help="a pipeline to serve; repeatable; default yours that are registered, else all",
    )
    setting_options(parser)
    service_options(parser)


def run(args: argparse.Namespace) -> int:
    """Starts the services, prints the address of their page, and stops them when interrupted."""
    code = reexec(args.orchestrator, args.argv)
    if code is not None:
        return code
    from counterpoint.adapter import find_adapter
    from counterpoint.runtime import served_pipelines
    from counterpoint.runtime.schedule_ownership import held_back
    from counterpoint.service_environment import USER
    from counterpoint.services import new_target, serving
    from counterpoint.services.service_environments import absolute, refuse_running

    adapter, root = find_adapter(args.orchestrator), absolute(args.root)
    adapter.need_services()
    refuse_running(root, args.orchestrator)
    names = tuple(args.pipeline or served_pipelines())
    _serve(root, names, adapter.name, settings(args), environment_of(args))
    target = new_target(adapter, root, names, schedules=True, **target_options(args))
    # the schedules of these pipelines stay paused until `_turn` has set them
    target = replace(target, paused=held_back(root, names, adapter.name))
    with serving(adapter, target):
        _turn(adapter, target)
        if args.json:
            result = {"orchestrator": adapter.name, "page": adapter.page(target), "home": str(target.home)}
            answer({**result, "user": USER, "password_file": str(target.password_file)})
        else:
            echo(f"{adapter.name} is up at {adapter.page(target)} (Ctrl-C stops it; logs in {target.home}/logs)")
            echo(f"{target.login}; as one field: {USER}:PASSWORD")
        return _watch(adapter, target)


def _watch(adapter: Adapter, target: ServiceEnvironment) -> int:
    """Returns when `counterpoint down` has stopped the services.

    Raises:
        ServiceError: one of their processes, or what holds them, ended otherwise.
    """
    from counterpoint.errors import ServiceError
    from counterpoint.services.supervisor import ended_of, stopped

    while not stopped(target):
        ended = ended_of(adapter, target)
        if ended:
            raise ServiceError(ended)
        time.sleep(_LOOK_SECONDS)
    say(f"{adapter.name} was stopped")
    return 0


def _serve(
    root: str,
    names: Sequence[str],
    orchestrator: str,
    overridden: Mapping[str, Any],
    environment: Environment | None = None,
) -> None:
    """Records the configuration of scheduled runs: that of commands in the same environment.

    Without an environment, it has the settings of production, with the overrides of the command line.

    Raises:
        UsageError: no pipeline has such a setting, or a cut-over to these services rests on another.
    """
    from counterpoint.errors import UsageError
    from counterpoint.runtime import find_pipeline
    from counterpoint.runtime.proofs import refuse_unproved
    from counterpoint.runtime.settings import serve
    from counterpoint.storage.objects import Objects

    pipelines, objects = {name: find_pipeline(name) for name in names}, Objects(root)
    for name in overridden:
        if not any(name in pipeline.config for pipeline in pipelines.values()):
            raise UsageError(f"none of {', '.join(pipelines)} has a setting {name!r}: leave it out")
    for name, pipeline in pipelines.items():
        configuration = _configuration(objects, name, orchestrator, overridden, environment)
        config = configuration.settings
        pipeline.configured(config)
        refuse_unproved(objects, pipeline, orchestrator, config)
        serve(objects, pipeline.name, orchestrator, configuration)
        if config:
            say(f"scheduled runs of {name} use {shlex.join(setting_words(config))}")


def _configuration(
    objects: Objects, name: str, orchestrator: str, overridden: Mapping[str, Any], environment: Environment | None
) -> Configuration:
    from counterpoint.configuration import configuration_of
    from counterpoint.runtime import find_pipeline
    from counterpoint.runtime.settings import made_with, refuse_unsaid, served_with

    pipeline = find_pipeline(name)
    if environment is None:
        # the settings of a cut-over count until production has an output
        recorded = made_with(objects, pipeline.name) or served_with(objects, pipeline.name, orchestrator)
        return configuration_of(None, name, pipeline.own({**recorded, **overridden}), objects.root)
    configuration = configuration_of(environment, name, pipeline.own(overridden), objects.root)
    refuse_unsaid(objects, pipeline, configuration.settings, "up", orchestrator, "--pipeline", name)
    return configuration


def _turn(adapter: Adapter, target: ServiceEnvironment) -> None:
    """Starts the schedules of the pipelines that are owned here, and stops all others."""
    from counterpoint.runtime import find_pipeline
    from counterpoint.runtime.schedule_ownership import read
    from counterpoint.services import ServiceEngine
    from counterpoint.storage.objects import Objects

    for name in target.pipelines:
        pipeline = find_pipeline(name)
        ownership = read(Objects(target.root), pipeline.name)
        if not target.paused and ownership.found is None:
            continue
        schedule = partial(adapter.schedule, target, name, on=ownership.owns(adapter.name))
        ServiceEngine(adapter, target).answered(schedule)
        if not ownership.owns(adapter.name):
            why = "its cut-over is not finished" if ownership.pending else f"{ownership.owner} owns it"
            ledger = command("migrate", "ledger", name, root=target.root)
            say(f"{pipeline.name} stays paused here: {why} (details: '{ledger}')")
