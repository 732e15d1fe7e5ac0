"""Adapters made of modules, with the functions that each module must have."""

from __future__ import annotations

from contextlib import nullcontext
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from counterpoint.adapter import Adapter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from counterpoint.adapter import Limit
    from counterpoint.build.order import Build, NativeFiles
    from counterpoint.deployment import Deployment
    from counterpoint.model import BackfillOrder, ErrorInfo, NativeBackfill, NativeRun, Pipeline, RunRequest
    from counterpoint.service_environment import Plan, ServiceEnvironment
    from counterpoint.target import DeploymentTarget, Target


class TranslatePart(Protocol):
    """The module `translate` of an adapter's package."""

    def translate(self, pipeline: Pipeline) -> Any:
        """See `Adapter.render`."""

    def read_back(self, native: Any) -> Pipeline:
        """See `Adapter`."""


class BuildPart(Protocol):
    """The module `build`."""

    def build(self, build: Build) -> NativeFiles:
        """See `Adapter`."""


class ObservePart(Protocol):
    """The module `observe`."""

    def run(self, request: RunRequest, home: Path) -> NativeRun:
        """See `Adapter`."""

    def submit(self, target: Target, request: RunRequest) -> str:
        """See `Adapter.start`."""

    def observe(self, target: Target, request: RunRequest, native_id: str) -> NativeRun | None:
        """See `Adapter`."""

    def page(self, target: Target, native_id: str | None = None) -> str:
        """See `Adapter`."""


class TeamPart(Protocol):
    """The module `team`, for servers that a team already has."""

    def server_version(self, target: DeploymentTarget) -> str:
        """See `Adapter`."""

    def deployment(self, target: DeploymentTarget, build: Build, files: Path | None = None) -> Deployment:
        """See `Adapter`."""

    def admit_deployed(self, target: DeploymentTarget, pipeline: str) -> None:
        """See `Adapter`."""

    def partition_of(self, target: DeploymentTarget, pipeline: Pipeline, native_id: str) -> str | None:
        """See `Adapter`."""


class CausesPart(Protocol):
    """The module `causes`."""

    def causes(self, target: Target, request: RunRequest, native_id: str) -> Mapping[str, ErrorInfo]:
        """See `Adapter`."""

    def answers(self, target: Target, native_id: str) -> Iterator[str]:
        """See `Adapter`."""


class DeployPart(Protocol):
    """The module `deploy`."""

    def plan(self, target: ServiceEnvironment) -> Plan:
        """See `Adapter.services`."""


class SchedulesPart(Protocol):
    """The module `schedules`."""

    @property
    def PAUSE_BEFORE_START(self) -> Mapping[str, str]:  # noqa: N802 - a constant of the module
        """See `Adapter.paused_variables`."""

    def pause_before_start(self, pipelines: list[str]) -> None:
        """See `Adapter`."""

    def admit(self, target: Target, pipeline: str) -> None:
        """See `Adapter`."""

    def scheduled(self, target: Target, pipeline: str) -> bool | None:
        """See `Adapter`."""

    def schedule(self, target: Target, pipeline: str, *, on: bool) -> None:
        """See `Adapter`."""

    def active_runs(self, target: Target, pipeline: str) -> tuple[str, ...]:
        """See `Adapter`."""


class BackfillLimitPart(Protocol):
    """The module `backfill` where a backfill is a limit for single runs."""

    def backfill(self, target: Target, order: BackfillOrder) -> str:
        """See `Adapter.start_backfill`."""

    def cancel(self, target: Target, order: BackfillOrder) -> None:
        """See `Adapter`."""


class BackfillPart(BackfillLimitPart, Protocol):
    """The module `backfill` where the orchestrator has backfills."""

    def progress(self, target: Target, order: BackfillOrder, native_id: str) -> NativeBackfill:
        """See `Adapter`."""


Parts = tuple[TranslatePart, BuildPart, ObservePart, CausesPart, DeployPart, SchedulesPart, BackfillLimitPart]


class ModuleAdapter(Adapter):
    """An adapter whose methods are functions of modules that have the same names in every adapter's package.

    A module, and with it the orchestrator, is imported when one of its functions is first called. In each
    package, the type checker compares the modules with the protocols above.

    Attributes:
        package: The package that holds the modules.
    """

    package: str

    def _part(self, module: str, home: Path | None = None) -> Any:
        with self.at_home(home) if home else nullcontext():
            return import_module(f"{self.package}.{module}")

    @property
    def limits(self) -> tuple[Limit, ...]:
        """See `Adapter`."""
        declared: tuple[Limit, ...] = self._part("limits").LIMITS
        return declared

    def render(self, pipeline: Pipeline) -> Any:
        """See `Adapter`."""
        part: TranslatePart = self._part("translate")
        return part.translate(pipeline)

    def read_back(self, native: Any) -> Pipeline:
        """See `Adapter`."""
        part: TranslatePart = self._part("translate")
        return part.read_back(native)

    def build(self, build: Build) -> NativeFiles:
        """See `Adapter`."""
        part: BuildPart = self._part("build")
        return part.build(build)

    def run(self, request: RunRequest, home: Path) -> NativeRun:
        """See `Adapter`."""
        part: ObservePart = self._part("observe", home)
        return part.run(request, home)

    def services(self, target: ServiceEnvironment) -> Plan:
        """See `Adapter`."""
        part: DeployPart = self._part("deploy", target.home)
        return part.plan(target)

    def paused_variables(self, target: ServiceEnvironment) -> Mapping[str, str]:
        """See `Adapter`."""
        return self._schedules(target).PAUSE_BEFORE_START

    def pause_before_start(self, pipelines: list[str]) -> None:
        """See `Adapter`."""
        part: SchedulesPart = self._part("schedules")
        part.pause_before_start(pipelines)

    def admit(self, target: Target, pipeline: str) -> None:
        """See `Adapter`."""
        self._schedules(target).admit(target, pipeline)

    def start(self, target: Target, request: RunRequest) -> str:
        """See `Adapter`."""
        return self._observe(target).submit(target, request)

    def observe(self, target: Target, request: RunRequest, native_id: str) -> NativeRun | None:
        """See `Adapter`."""
        return self._observe(target).observe(target, request, native_id)

    def causes(self, target: Target, request: RunRequest, native_id: str) -> Mapping[str, ErrorInfo]:
        """See `Adapter`."""
        part: CausesPart = self._part("causes", target.home)
        return part.causes(target, request, native_id)

    def answers(self, target: Target, native_id: str) -> Iterator[str]:
        """See `Adapter`."""
        part: CausesPart = self._part("causes", target.home)
        return part.answers(target, native_id)

    def scheduled(self, target: Target, pipeline: str) -> bool | None:
        """See `Adapter`."""
        return self._schedules(target).scheduled(target, pipeline)

    def schedule(self, target: Target, pipeline: str, *, on: bool) -> None:
        """See `Adapter`."""
        self._schedules(target).schedule(target, pipeline, on=on)

    def active_runs(self, target: Target, pipeline: str) -> tuple[str, ...]:
        """See `Adapter`."""
        return self._schedules(target).active_runs(target, pipeline)

    def page(self, target: Target, native_id: str | None = None) -> str:
        """See `Adapter`."""
        return self._observe(target).page(target, native_id)

    def start_backfill(self, target: Target, order: BackfillOrder) -> str:
        """See `Adapter`."""
        return self._backfill(target).backfill(target, order)

    def progress(self, target: Target, order: BackfillOrder, native_id: str) -> NativeBackfill:
        """See `Adapter`."""
        return self._backfill(target).progress(target, order, native_id)

    def cancel(self, target: Target, order: BackfillOrder) -> None:
        """See `Adapter`."""
        self._backfill(target).cancel(target, order)

    def server_version(self, target: DeploymentTarget) -> str:
        """See `Adapter`."""
        return self._team(target).server_version(target)

    def deployment(self, target: DeploymentTarget, build: Build, files: Path | None = None) -> Deployment:
        """See `Adapter`."""
        return self._team(target).deployment(target, build, files)

    def admit_deployed(self, target: DeploymentTarget, pipeline: str) -> None:
        """See `Adapter`."""
        self._team(target).admit_deployed(target, pipeline)

    def partition_of(self, target: DeploymentTarget, pipeline: Pipeline, native_id: str) -> str | None:
        """See `Adapter`."""
        return self._team(target).partition_of(target, pipeline, native_id)

    def _team(self, target: DeploymentTarget) -> TeamPart:
        part: TeamPart = self._part("team", target.home)
        return part

    def _observe(self, target: Target) -> ObservePart:
        part: ObservePart = self._part("observe", target.home)
        return part

    def _schedules(self, target: Target) -> SchedulesPart:
        part: SchedulesPart = self._part("schedules", target.home)
        return part

    def _backfill(self, target: Target) -> BackfillPart:
        part: BackfillPart = self._part("backfill", target.home)
        return part
