"""An adapter of modules: which functions each of them has."""

from __future__ import annotations

from contextlib import nullcontext
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from counterpoint.adapter import Adapter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from counterpoint.adapter import Limit
    from counterpoint.model import BackfillOrder, ErrorInfo, NativeBackfill, NativeRun, Pipeline, RunRequest
    from counterpoint.site import Plan, Site


class TranslatePart(Protocol):
    """The module `translate` of an adapter's package."""

    def translate(self, pipeline: Pipeline) -> Any:
        """See `Adapter.render`."""

    def read_back(self, native: Any) -> Pipeline:
        """See `Adapter`."""


class ObservePart(Protocol):
    """The module `observe`."""

    def run(self, request: RunRequest, home: Path) -> NativeRun:
        """See `Adapter`."""

    def submit(self, site: Site, request: RunRequest) -> str:
        """See `Adapter.start`."""

    def observe(self, site: Site, request: RunRequest, native_id: str) -> NativeRun | None:
        """See `Adapter`."""

    def page(self, site: Site, native_id: str | None = None) -> str:
        """See `Adapter`."""


class CausesPart(Protocol):
    """The module `causes`."""

    def causes(self, site: Site, request: RunRequest, native_id: str) -> Mapping[str, ErrorInfo]:
        """See `Adapter`."""

    def answers(self, site: Site, native_id: str) -> Iterator[str]:
        """See `Adapter`."""


class DeployPart(Protocol):
    """The module `deploy`."""

    def plan(self, site: Site) -> Plan:
        """See `Adapter.services`."""


class SchedulesPart(Protocol):
    """The module `schedules`."""

    @property
    def HELD(self) -> Mapping[str, str]:  # noqa: N802 - a constant of the module
        """See `Adapter.held`."""

    def hold(self, pipelines: list[str]) -> None:
        """See `Adapter`."""

    def admit(self, site: Site, pipeline: str) -> None:
        """See `Adapter`."""

    def scheduled(self, site: Site, pipeline: str) -> bool | None:
        """See `Adapter`."""

    def schedule(self, site: Site, pipeline: str, *, on: bool) -> None:
        """See `Adapter`."""

    def active_runs(self, site: Site, pipeline: str) -> tuple[str, ...]:
        """See `Adapter`."""


class BackfillLimitPart(Protocol):
    """The module `backfill` where a backfill is a limit for single runs."""

    def backfill(self, site: Site, order: BackfillOrder) -> str:
        """See `Adapter.start_backfill`."""

    def cancel(self, site: Site, order: BackfillOrder) -> None:
        """See `Adapter`."""


class BackfillPart(BackfillLimitPart, Protocol):
    """The module `backfill` where the orchestrator has backfills."""

    def progress(self, site: Site, order: BackfillOrder, native_id: str) -> NativeBackfill:
        """See `Adapter`."""


Parts = tuple[TranslatePart, ObservePart, CausesPart, DeployPart, SchedulesPart, BackfillLimitPart]


class ModuleAdapter(Adapter):
    """An adapter whose methods are functions of modules that have the same names in every adapter's package.

    A module, and with it the orchestrator, is imported when one of its functions is first called. Each
    package has a type checker compare its modules with the protocols above.

    Attributes:
        package: Where the modules are.
    """

    package: str

    def _part(self, module: str, home: Path | None = None) -> Any:
        with self.at_home(home) if home else nullcontext():
            return import_module(f"{self.package}.{module}")

    @property
    def limits(self) -> tuple[Limit, ...]:
        """See `Adapter`."""
        found: tuple[Limit, ...] = self._part("limits").LIMITS
        return found

    def render(self, pipeline: Pipeline) -> Any:
        """See `Adapter`."""
        part: TranslatePart = self._part("translate")
        return part.translate(pipeline)

    def read_back(self, native: Any) -> Pipeline:
        """See `Adapter`."""
        part: TranslatePart = self._part("translate")
        return part.read_back(native)

    def run(self, request: RunRequest, home: Path) -> NativeRun:
        """See `Adapter`."""
        part: ObservePart = self._part("observe", home)
        return part.run(request, home)

    def services(self, site: Site) -> Plan:
        """See `Adapter`."""
        part: DeployPart = self._part("deploy", site.home)
        return part.plan(site)

    def held(self, site: Site) -> Mapping[str, str]:
        """See `Adapter`."""
        return self._schedules(site).HELD

    def hold(self, pipelines: list[str]) -> None:
        """See `Adapter`."""
        part: SchedulesPart = self._part("schedules")
        part.hold(pipelines)

    def admit(self, site: Site, pipeline: str) -> None:
        """See `Adapter`."""
        self._schedules(site).admit(site, pipeline)

    def start(self, site: Site, request: RunRequest) -> str:
        """See `Adapter`."""
        return self._observe(site).submit(site, request)

    def observe(self, site: Site, request: RunRequest, native_id: str) -> NativeRun | None:
        """See `Adapter`."""
        return self._observe(site).observe(site, request, native_id)

    def causes(self, site: Site, request: RunRequest, native_id: str) -> Mapping[str, ErrorInfo]:
        """See `Adapter`."""
        part: CausesPart = self._part("causes", site.home)
        return part.causes(site, request, native_id)

    def answers(self, site: Site, native_id: str) -> Iterator[str]:
        """See `Adapter`."""
        part: CausesPart = self._part("causes", site.home)
        return part.answers(site, native_id)

    def scheduled(self, site: Site, pipeline: str) -> bool | None:
        """See `Adapter`."""
        return self._schedules(site).scheduled(site, pipeline)

    def schedule(self, site: Site, pipeline: str, *, on: bool) -> None:
        """See `Adapter`."""
        self._schedules(site).schedule(site, pipeline, on=on)

    def active_runs(self, site: Site, pipeline: str) -> tuple[str, ...]:
        """See `Adapter`."""
        return self._schedules(site).active_runs(site, pipeline)

    def page(self, site: Site, native_id: str | None = None) -> str:
        """See `Adapter`."""
        return self._observe(site).page(site, native_id)

    def start_backfill(self, site: Site, order: BackfillOrder) -> str:
        """See `Adapter`."""
        return self._backfill(site).backfill(site, order)

    def progress(self, site: Site, order: BackfillOrder, native_id: str) -> NativeBackfill:
        """See `Adapter`."""
        return self._backfill(site).progress(site, order, native_id)

    def cancel(self, site: Site, order: BackfillOrder) -> None:
        """See `Adapter`."""
        self._backfill(site).cancel(site, order)

    def _observe(self, site: Site) -> ObservePart:
        found: ObservePart = self._part("observe", site.home)
        return found

    def _schedules(self, site: Site) -> SchedulesPart:
        found: SchedulesPart = self._part("schedules", site.home)
        return found

    def _backfill(self, site: Site) -> BackfillPart:
        found: BackfillPart = self._part("backfill", site.home)
        return found
