"""Three ways to run requests: on this machine alone, by an orchestrator in this process, on its services."""

from __future__ import annotations

import logging
import os
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import counterpoint
from counterpoint.adapter import ServiceEnvironment, find_adapter, installed_version
from counterpoint.commands import command
from counterpoint.errors import ServiceError, UnansweredError
from counterpoint.orchestrators import LOCAL
from counterpoint.runtime import LocalRun, find_pipeline
from counterpoint.runtime.registry import name_of
from counterpoint.runtime.request_store import TARGET, note_native
from counterpoint.runtime.settings import serve
from counterpoint.runtime.subprocess_executor import WHOLE_RUNS
from counterpoint.services.reaching import reach
from counterpoint.services.service_environments import home_of, make_private, new_target
from counterpoint.services.supervisor import ended_of, sharing, stopped
from counterpoint.storage.objects import Objects
from counterpoint.target import DeploymentTarget

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from counterpoint.adapter import Adapter
    from counterpoint.model import Configuration, NativeRun, RunRequest
    from counterpoint.target import Target

log = logging.getLogger(__name__)
RUN_SECONDS = 6 * 3600.0
ANSWER_SECONDS = 120.0
# between two looks at a team's server
_TEAM_SECONDS = 2.0
T = TypeVar("T")


class Engine(Protocol):
    """Runs requests and returns how each ended."""

    @property
    def version(self) -> str:
        """The version of the engine."""

    def run(self, requests: Sequence[RunRequest]) -> list[NativeRun]:
        """Runs all requests to their end; an engine that runs one at a time keeps their order."""


class LocalEngine:
    """The local runner: worker processes on this machine."""

    version = counterpoint.__version__

    def run(self, requests: Sequence[RunRequest]) -> list[NativeRun]:
        """Runs one request after the other."""
        return [LocalRun(request).run() for request in requests]


@dataclass(frozen=True)
class ProcessEngine:
    """An orchestrator's own engine in this process, without its servers."""

    adapter: Adapter

    @property
    def version(self) -> str:
        """The version of the orchestrator."""
        return installed_version(self.adapter.distribution) or "unknown"

    def run(self, requests: Sequence[RunRequest]) -> list[NativeRun]:
        """Runs one request after the other."""
        runs = []
        for request in requests:
            home = home_of(request.root, self.adapter.name)
            make_private(home)
            with _stdout_on_stderr(), _whole_runs():
                runs.append(self.adapter.run(request, home))
        return runs


@contextmanager
def _whole_runs() -> Iterator[None]:
    WHOLE_RUNS.set()
    try:
        yield
    finally:
        WHOLE_RUNS.clear()


@contextmanager
def _stdout_on_stderr() -> Iterator[None]:
    """Redirects stdout of an engine and its children to stderr: stdout carries the answer alone."""
    sys.stdout.flush()
    original_stdout = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(original_stdout, 1)
        os.close(original_stdout)


@dataclass(frozen=True)
class ServiceEngine:
    """An orchestrator's running services, or a team's own server, called by their API."""

    adapter: Adapter
    target: Target
    poll_seconds: float = 0.5
    # of a team's own server, which need not be the one that is installed here
    server_version: str | None = None

    @property
    def version(self) -> str:
        """The version of the orchestrator."""
        return self.server_version or installed_version(self.adapter.distribution) or "unknown"

    def run(self, requests: Sequence[RunRequest]) -> list[NativeRun]:
        """Submits all requests at once and waits until each has ended.

        Raises:
            ServiceError: a run did not end in time, or the services stopped answering.
        """
        waiting = [(request, self.submit(request)) for request in requests]
        page = self.adapter.page(self.target)
        log.info("%s: %d run(s) submitted, see %s (%s)", self.adapter.name, len(waiting), page, self.target.login)
        ended: dict[str, NativeRun] = {}
        deadline = time.monotonic() + RUN_SECONDS
        while len(ended) < len(waiting):
            begun = time.monotonic()
            for request, native_id in waiting:
                if request.run_id not in ended and (run := self.observe(request, native_id)):
                    ended[request.run_id] = run
            if time.monotonic() > deadline:
                raise ServiceError(f"{self.adapter.name}: runs did not end in {RUN_SECONDS:g} s: see its page")
            if len(ended) < len(waiting):
                time.sleep(self.pause(begun, self.poll_seconds))
        return [ended[request.run_id] for request, _ in waiting]

    def pause(self, begun: float, least: float) -> float:
        """The seconds until the next poll: longer for slow answers, so that polls do not keep a busy server busy.

        A team's server is not polled more often than the engine says.

        Args:
            begun: When the last poll began, by the monotonic clock.
            least: The shortest pause in seconds.
        """
        shortest = least if self.target.is_ours else max(least, self.poll_seconds)
        return max(shortest, 4 * (time.monotonic() - begun))

    def submit(self, request: RunRequest) -> str:
        """Starts a run; returns the orchestrator's id of it."""
        native_id = self.answered(lambda: self.adapter.submit(self.target, request))
        page = self.adapter.page(self.target, native_id).removeprefix(self.target.url())
        name = find_pipeline(request.pipeline).name
        note_native(Objects(request.root), name, request, native_id, page, **self.kept)
        return native_id

    @property
    def kept(self) -> dict[str, str]:
        """What is kept beside the request of a run of the team's server that it is made on."""
        return {TARGET: self.target.name} if isinstance(self.target, DeploymentTarget) else {}

    def observe(self, request: RunRequest, native_id: str) -> NativeRun | None:
        """The result of a run, or None while it has not ended."""
        return self.answered(lambda: self.adapter.observe(self.target, request, native_id))

    def answered(self, ask: Callable[[], T]) -> T:
        """The answer of the services; retries while they are being restarted.

        Raises:
            ServiceError: the services refuse, do not answer for two minutes, or one of their processes ended for good.
        """
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            ended = ended_of(self.adapter, self.target) if isinstance(self.target, ServiceEnvironment) else None
            if ended:
                raise ServiceError(ended)
            try:
                return ask()
            except UnansweredError as error:
                if isinstance(self.target, ServiceEnvironment) and stopped(self.target):
                    raise ServiceError(
                        f"the services of {self.adapter.name} were stopped, and its runs with them"
                    ) from error
                if time.monotonic() > deadline:
                    raise
                log.warning("%s: %s; retrying", self.adapter.name, str(error).splitlines()[0])
            time.sleep(1)


@contextmanager
def engine_for(
    place: str | DeploymentTarget,
    root: str,
    pipelines: tuple[str, ...],
    *,
    service: bool = False,
    options: Mapping[str, Any] | None = None,
    config: Configuration | Mapping[str, Any] | None = None,
) -> Iterator[Engine]:
    """The engine of an orchestrator (`local`: none); services are started when none run, and end with their last user.

    With a team's own server as the place, runs are made there, and nothing is started.

    `options` are those of `new_target`: ports, database, schedules. `config` holds the configuration, or the settings
    alone, of runs that somebody starts on the page of services that are started here.

    Raises:
        ServiceError: the orchestrator is not installed here, or did not start; or the team's server does not answer, or
            has not loaded a pipeline as it is here.
        UsageError: `service` is set, and the orchestrator has no services.
    """
    if isinstance(place, DeploymentTarget):
        yield _team_engine(place, pipelines)
        return
    if place == LOCAL:
        yield LocalEngine()
        return
    adapter = find_adapter(place)
    if not service:
        yield ProcessEngine(adapter)
        return
    adapter.need_services()

    def started() -> ServiceEnvironment:
        target = new_target(adapter, root, pipelines, **(options or {}))
        for name in pipelines:
            serve(Objects(target.root), find_pipeline(name).name, place, config or {})
        return target

    with sharing(adapter, root, started) as services:
        for name in pipelines:
            refuse_unserved(adapter.name, services, name)
        yield ServiceEngine(adapter, services)


def _team_engine(target: DeploymentTarget, pipelines: tuple[str, ...]) -> ServiceEngine:
    """The engine of a team's own server, which has loaded the pipelines as they are here."""
    adapter = find_adapter(target.kind)
    version = reach(adapter, target)
    for name in pipelines:
        adapter.admit_deployed(target, name)
    return ServiceEngine(adapter, target, _TEAM_SECONDS, version)


def refuse_unserved(orchestrator: str, target: ServiceEnvironment, pipeline: str) -> None:
    """Refuses a pipeline that the running services do not serve; the orchestrator's own error would not tell the fix.

    Raises:
        ServiceError: holds the commands that serve it.
    """
    wanted = find_pipeline(pipeline).name
    names = {name: name_of(name) for name in target.pipelines}
    if wanted in names.values():
        return
    down = command("down", orchestrator, root=target.root)
    both = [word for name in (*names, pipeline) for word in ("--pipeline", name)]
    up = command("up", orchestrator, *both, root=target.root)
    raise ServiceError(
        f"{orchestrator} on {target.root} serves {', '.join(names) or 'nothing'}, and not {pipeline}: stop it with"
        f" '{down}' and give the command again, or have it serve all with '{up}'"
    )
