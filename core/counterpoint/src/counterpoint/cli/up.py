"""`counterpoint up`: starts an orchestrator's services and web page, and stops them on Ctrl-C."""

from __future__ import annotations

import shlex
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from counterpoint.cli.environments import ORCHESTRATORS, reexec
from counterpoint.cli.output import answer, echo, say
from counterpoint.cli.run import service_options, setting_options, settings, site_options
from counterpoint.commands import command, setting_words

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from counterpoint.adapter import Adapter, Site

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
    from counterpoint.services import new_site, serving
    from counterpoint.services.sites import absolute, refuse_running
    from counterpoint.site import USER

    adapter, root = find_adapter(args.orchestrator), absolute(args.root)
    adapter.need_services()
    refuse_running(root, args.orchestrator)
    names = tuple(args.pipeline or served_pipelines())
    _serve(root, names, adapter.name, settings(args))
    site = new_site(adapter, root, names, schedules=True, **site_options(args))
    # none of these begins a run before it can be told not to
    site = replace(site, paused=held_back(root, names, adapter.name))
    with serving(adapter, site):
        _turn(adapter, site)
        if args.json:
            found = {"orchestrator": adapter.name, "page": adapter.page(site), "home": str(site.home)}
            answer({**found, "user": USER, "password_file": str(site.password_file)})
        else:
            echo(f"{adapter.name} is up at {adapter.page(site)} (Ctrl-C stops it; logs in {site.home}/logs)")
            echo(f"{site.login}; as one field: {USER}:PASSWORD")
        return _watch(adapter, site)


def _watch(adapter: Adapter, site: Site) -> int:
    """Returns when `counterpoint down` has stopped the services.

    Raises:
        ServiceError: one of their processes, or what holds them, ended otherwise.
    """
    from counterpoint.errors import ServiceError
    from counterpoint.services.supervisor import ended_of, stopped

    while not stopped(site):
        ended = ended_of(adapter, site)
        if ended:
            raise ServiceError(ended)
        time.sleep(_LOOK_SECONDS)
    say(f"{adapter.name} was stopped")
    return 0


def _serve(root: str, names: Sequence[str], orchestrator: str, given: Mapping[str, Any]) -> None:
    """Keeps with which settings runs are made that nobody asks for: those of production, but for what is given.

    Raises:
        UsageError: no pipeline has such a setting, or a cut-over to these services rests on another.
    """
    from counterpoint.errors import UsageError
    from counterpoint.runtime import find_pipeline
    from counterpoint.runtime.proofs import refuse_unproved
    from counterpoint.runtime.settings import made_with, serve, served_with
    from counterpoint.storage.objects import Objects

    pipelines, objects = {name: find_pipeline(name) for name in names}, Objects(root)
    for name in given:
        if not any(name in pipeline.config for pipeline in pipelines.values()):
            raise UsageError(f"none of {', '.join(pipelines)} has a setting {name!r}: leave it out")
    for name, pipeline in pipelines.items():
        # what a cut-over gave it counts until production was made
        asked = {**(made_with(objects, pipeline.name) or served_with(objects, pipeline.name, orchestrator)), **given}
        config = pipeline.own(asked)
        pipeline.configured(config)
        refuse_unproved(objects, pipeline, orchestrator, config)
        serve(objects, pipeline.name, orchestrator, config)
        if config:
            say(f"scheduled runs of {name} use {shlex.join(setting_words(config))}")


def _turn(adapter: Adapter, site: Site) -> None:
    """Has the schedules of the pipelines run that are owned here, and no others, whatever was before."""
    from counterpoint.runtime import find_pipeline
    from counterpoint.runtime.schedule_ownership import read
    from counterpoint.services import ServiceEngine
    from counterpoint.storage.objects import Objects

    for name in site.pipelines:
        pipeline = find_pipeline(name)
        seen = read(Objects(site.root), pipeline.name)
        if not site.paused and seen.found is None:
            continue
        schedule = partial(adapter.schedule, site, name, on=seen.owns(adapter.name))
        ServiceEngine(adapter, site).answered(schedule)
        if not seen.owns(adapter.name):
            why = "its cut-over is not finished" if seen.pending else f"{seen.owner} owns it"
            ledger = command("migrate", "ledger", name, root=site.root)
            say(f"{pipeline.name} stays paused here: {why} (details: '{ledger}')")
