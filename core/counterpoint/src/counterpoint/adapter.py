"""The base class of adapters, which translate the description of a pipeline to a native object and back.

An adapter is an object of a subclass of `Adapter`, found by the entry point group `counterpoint.adapters`.
"""

# ruff: noqa: ARG002, B027 - optional features have default methods, which a subclass may override

from __future__ import annotations

import os
import sys
from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

from counterpoint.errors import ServiceError, UnsupportedError, UsageError
from counterpoint.orchestrators import find_adapters, installed_version
from counterpoint.service_environment import Plan, Process, ServiceEnvironment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from counterpoint.build.order import Build, NativeFiles
    from counterpoint.deployment import Deployment
    from counterpoint.model import BackfillOrder, ErrorInfo, NativeBackfill, NativeRun, Pipeline, RunRequest
    from counterpoint.target import DeploymentTarget, Target

__all__ = [
    "Adapter",
    "Backfills",
    "Limit",
    "Plan",
    "Process",
    "ServiceEnvironment",
    "find_adapter",
    "find_adapters",
    "installed_version",
    "limits_of",
    "refuse_unsupported",
]


@dataclass(frozen=True, slots=True)
class Limit:
    """Something that an orchestrator does not have.

    `subject` is the property of the model (for example `timeout`), `reason` why the orchestrator lacks it, and
    `stand_in` what replaces it. Without a stand-in, a pipeline for which `uses` is true is refused.
    """

    subject: str
    reason: str
    stand_in: str | None = None
    uses: Callable[[Pipeline], bool] = lambda _: False


class Backfills(Enum):
    """An orchestrator's support for backfills: none, a limit for single runs, backfills of a range, or of any set."""

    NONE = "none"
    RUNS = "runs"
    RANGE = "range"
    ANY = "any"

    @property
    def words(self) -> str:
        """The support in words, for a limit."""
        return {"range": "backfills of a range alone", "any": "backfills of any set"}.get(self.value, "no backfill")


def limits_of(table: str, backfills: Backfills) -> tuple[Limit, ...]:
    """Reads the limits of an adapter.

    Args:
        table: One row `subject | reason | stand-in` per limit; `{backfills}` is replaced by the flag in words.
        backfills: The flag of the same adapter.
    """
    rows = [row.split(" | ") for row in table.strip().format(backfills=backfills.words).splitlines()]
    return tuple(Limit(subject, reason, stand_in) for subject, reason, stand_in in rows)


class Adapter(ABC):
    """One orchestrator; its methods take and return plain values, or that orchestrator's own objects.

    A subclass declares by flags what its orchestrator supports, and overrides the methods for it: for services, all
    methods from `services` to `page`; for backfills, `start_backfill`, `progress` and `cancel`. It imports the
    orchestrator within its methods, so that listing the adapters imports none.

    Attributes:
        name: The name for `--on`.
        distribution: The orchestrator's own distribution, whose version is shown.
        ports: The names of the ports that its services listen on.
        has_targets: Whether it works on servers that a team already has, as `[target.NAME]` describes them.
        has_services: Whether it has servers of its own; if not, it runs in the process of the command only.
        backfills: Its support for backfills.
        limits: The features that it lacks, with their stand-ins.
        home_variable: The environment variable with the folder of its files, for an orchestrator that creates files
            when it is imported: they are then below the root, not in the user's home.
    """

    name: str
    distribution: str
    ports: tuple[str, ...] = ("web",)
    has_services: bool = True
    has_targets: bool = False
    backfills: Backfills = Backfills.NONE
    home_variable: str = ""

    @property
    @abstractmethod
    def limits(self) -> tuple[Limit, ...]:
        """The features that the orchestrator lacks."""

    def translate(self, pipeline: Pipeline) -> Any:
        """The native object (DAG, definitions, flow) of a pipeline.

        Raises:
            UnsupportedError: the orchestrator cannot honour a property, and there is no stand-in for it.
        """
        refuse_unsupported(self.name, self.limits, pipeline)
        return self.render(pipeline)

    @abstractmethod
    def render(self, pipeline: Pipeline) -> Any:
        """The native object of a pipeline whose properties the orchestrator can all honour."""

    @abstractmethod
    def read_back(self, native: Any) -> Pipeline:
        """The pipeline of a native object, read from native properties wherever these exist."""

    def build(self, build: Build) -> NativeFiles:
        """The files with which a team's existing installation runs a pipeline; no server is called."""
        raise UsageError(f"{self.name} builds no files: choose another --target")

    @abstractmethod
    def run(self, request: RunRequest, home: Path) -> NativeRun:
        """Runs a request in this process by the orchestrator's own engine, without its servers.

        `home` is a folder for the engine's files. It never raises for a failed step.
        """

    def plan(self, target: ServiceEnvironment) -> Plan:
        """The plan that runs the services of a target, with the schedules of paused pipelines off."""
        services_plan = self.services(target)
        if not target.paused:
            return services_plan
        adapter_class = type(self)
        load = f"import sys; from {adapter_class.__module__} import {adapter_class.__name__} as kind"
        program = f"{load}; kind().pause_before_start(sys.argv[1:])"
        command = (sys.executable, "-P", "-c", program, *target.paused)
        environment = {**services_plan.environment, **self.paused_variables(target)}
        return replace(
            services_plan, prepare=(*services_plan.prepare, Process("schedules", command)), environment=environment
        )

    def services(self, target: ServiceEnvironment) -> Plan:
        """The services of a service environment."""
        raise self._has_none()

    def paused_variables(self, target: ServiceEnvironment) -> Mapping[str, str]:
        """The variables that keep schedules off which the services do not know yet."""
        raise self._has_none()

    def pause_before_start(self, pipelines: list[str]) -> None:
        """Switches off schedules that the services already know, before the services start."""
        raise self._has_none()

    def submit(self, target: Target, request: RunRequest) -> str:
        """Starts a run on the running services, by their API; returns the orchestrator's own id of the run."""
        if target.is_ours:
            self.admit(target, request.pipeline)
        return self.start(target, request)

    def admit(self, target: Target, pipeline: str) -> None:
        """Refuses a run that the services would never start.

        Raises:
            ServiceError: The services would not start the run; the message has the reason.
        """

    def start(self, target: Target, request: RunRequest) -> str:
        """Starts a run that was admitted; returns the orchestrator's own id of the run."""
        raise self._has_none()

    def observe(self, target: Target, request: RunRequest, native_id: str) -> NativeRun | None:
        """The run according to the orchestrator's API, or None while it has not ended."""
        raise self._has_none()

    def causes(self, target: Target, request: RunRequest, native_id: str) -> Mapping[str, ErrorInfo]:
        """The errors of a run's steps according to the orchestrator's API, by step; the run's own error as `''`.

        It is called for failures that no worker could record: the worker was killed, or never started.
        """
        raise self._has_none()

    def answers(self, target: Target, native_id: str) -> Iterator[str]:
        """The answers of the orchestrator's own API about a run, call by call, as a person would search for a cause."""
        raise self._has_none()

    def scheduled(self, target: Target, pipeline: str) -> bool | None:
        """Whether a served pipeline's schedule is on, on the running services; None if it has none there."""
        raise self._has_none()

    def schedule(self, target: Target, pipeline: str, *, on: bool) -> None:
        """Starts or pauses the schedule of a served pipeline on the running services, if it has one."""
        raise self._has_none()

    def active_runs(self, target: Target, pipeline: str) -> tuple[str, ...]:
        """The runs of a served pipeline that have not ended, by the orchestrator's own ids."""
        raise self._has_none()

    def page(self, target: Target, native_id: str | None = None) -> str:
        """The URL where a person sees the run (None: the pipeline) in the orchestrator's own UI."""
        raise self._has_none()

    def backfill(self, target: Target, order: BackfillOrder) -> str:
        """Starts a native backfill on the running services; returns the orchestrator's own id of it."""
        self.admit(target, order.request.pipeline)
        return self.start_backfill(target, order)

    def start_backfill(self, target: Target, order: BackfillOrder) -> str:
        """Starts a backfill that was admitted; returns the orchestrator's own id of it."""
        raise self._has_none("backfills")

    def progress(self, target: Target, order: BackfillOrder, native_id: str) -> NativeBackfill:
        """The progress of a native backfill, by the states of its steps."""
        raise self._has_none("backfills")

    def cancel(self, target: Target, order: BackfillOrder) -> None:
        """Cancels all running backfills of the order's pipeline and version, with their runs."""
        raise self._has_none("backfills")

    def server_version(self, target: DeploymentTarget) -> str:
        """The version of the orchestrator that a team's server runs.

        Raises:
            ServiceError: The server does not answer, refuses, or is too old.
        """
        raise self._has_none("support for a team's own server")

    def deployment(self, target: DeploymentTarget, build: Build, files: Path | None = None) -> Deployment:
        """What has to change on a team's server for a pipeline; it changes nothing.

        Args:
            target: The server.
            build: What the files of the pipeline are built from.
            files: The folder of the built files, as the workers see it, where it is not known from the server.

        Raises:
            UsageError: An object of the same name is there that Counterpoint did not make.
        """
        raise self._has_none("support for a team's own server")

    def admit_deployed(self, target: DeploymentTarget, pipeline: str) -> None:
        """Refuses a pipeline that a team's server has not loaded, has loaded with another structure, or never starts.

        Raises:
            ServiceError: Names the pipeline, the server and the fix.
        """
        raise self._has_none("support for a team's own server")

    def partition_of(self, target: DeploymentTarget, pipeline: Pipeline, native_id: str) -> str | None:
        """The partition of a run that a team's server knows by that id; None if it has no such run of the pipeline."""
        raise self._has_none("support for a team's own server")

    def need_services(self) -> None:
        """Refuses an operation that only an orchestrator with servers supports.

        Raises:
            UsageError: The orchestrator has no services.
        """
        if not self.has_services:
            raise UsageError(f"{self.name} has no services of its own: use 'run --on {self.name}', without --service")

    def _has_none(self, what: str = "services") -> UsageError:
        return UsageError(f"{self.name} has no {what} of its own")

    @contextmanager
    def at_home(self, home: Path) -> Iterator[None]:
        """Makes the orchestrator create its files in `home` if it is imported in the block.

        A folder that the user has set takes precedence.

        Args:
            home: A folder below the root.
        """
        is_set_here = bool(self.home_variable) and self.home_variable not in os.environ
        if is_set_here:
            os.environ[self.home_variable] = str(home)
        try:
            yield
        finally:
            if is_set_here:
                del os.environ[self.home_variable]


def find_adapter(name: str) -> Adapter:
    """The adapter of that name, loaded.

    Raises:
        ServiceError: The adapter or its orchestrator is not installed here; the message holds the command.
    """
    entry_point = find_adapters().get(name)
    if entry_point is None:
        raise ServiceError(
            f"the adapter for {name} is not installed here: run 'make setup' in the project, or"
            f" 'pip install counterpoint-{name}' in an environment of your own"
        )
    adapter: Adapter = entry_point.load()
    if installed_version(adapter.distribution) is None:
        raise ServiceError(
            f"{adapter.distribution} is not installed in this environment: pip install {adapter.distribution}"
        )
    return adapter


def refuse_unsupported(adapter: str, limits: Sequence[Limit], pipeline: Pipeline) -> None:
    """Refuses a pipeline that uses a property which the orchestrator lacks and nothing replaces.

    Raises:
        UnsupportedError: The message names the property and the reason.
    """
    for limit in limits:
        if limit.stand_in is None and limit.uses(pipeline):
            raise UnsupportedError(
                f"{adapter} cannot run pipeline {pipeline.name}: {limit.subject}: {limit.reason};"
                " remove the property, or choose another orchestrator"
            )
