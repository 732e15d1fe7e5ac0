"""What an adapter is: a function from the description of a pipeline to a native object, and back.

An adapter is found by the entry point group `counterpoint.adapters`; it never imports its orchestrator at
the top of the module that the entry point names, so that asking what is installed costs nothing.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum
from importlib import import_module
from importlib.metadata import PackageNotFoundError, entry_points, version
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from counterpoint.errors import ServiceError, UnsupportedError
from counterpoint.site import Plan, Process, Site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from counterpoint.model import BackfillOrder, ErrorInfo, NativeBackfill, NativeRun, Pipeline, RunRequest

__all__ = [
    "Adapter",
    "BackfillAdapter",
    "Backfills",
    "Limit",
    "ModuleAdapter",
    "Plan",
    "Process",
    "Site",
    "find_adapter",
    "find_adapters",
    "installed_version",
    "refuse_unsupported",
]
GROUP = "counterpoint.adapters"


@dataclass(frozen=True, slots=True)
class Limit:
    """Something that an orchestrator does not have.

    `subject` is the property of the model (for example `timeout`), `reason` why it is missing there, and
    `stand_in` what takes its place; without one, a pipeline that uses the property is refused by `uses`.
    """

    subject: str
    reason: str
    stand_in: str | None = None
    uses: Callable[[Pipeline], bool] = lambda _: False


class Backfills(Enum):
    """What an orchestrator has for backfills: nothing, a limit for single runs, backfills of a range, or of any set."""

    NONE = "none"
    RUNS = "runs"
    RANGE = "range"
    ANY = "any"


@runtime_checkable
class Adapter(Protocol):
    """One orchestrator. Every method takes and returns plain values or that orchestrator's own objects."""

    name: str
    distribution: str
    limits: tuple[Limit, ...]
    ports: tuple[str, ...]

    def translate(self, pipeline: Pipeline) -> Any:
        """The native object (DAG, definitions, flow) of a pipeline.

        Raises:
            UnsupportedError: the orchestrator cannot honour a property, and nothing stands in for it.
        """

    def read_back(self, native: Any) -> Pipeline:
        """The pipeline that a native object says it is, from native properties wherever it has them."""

    def run(self, request: RunRequest, home: Path) -> NativeRun:
        """Runs a request in this process by the orchestrator's own engine, without its servers.

        `home` is a folder for what the engine keeps. Never raises for a failed step.
        """

    def plan(self, site: Site) -> Plan:
        """The services of a site."""

    def submit(self, site: Site, request: RunRequest) -> str:
        """Starts a run on the running services, by their API; returns the orchestrator's own name of it."""

    def observe(self, site: Site, request: RunRequest, native_id: str) -> NativeRun | None:
        """The run as the orchestrator's API tells it, or None while it has not ended."""

    def causes(self, site: Site, request: RunRequest, native_id: str) -> Mapping[str, ErrorInfo]:
        """Why steps of a run failed, as the orchestrator's API tells it, by step; why the run did itself as `''`.

        Asked of what no worker could record: one that was killed, or never began.
        """

    def scheduled(self, site: Site, pipeline: str) -> bool | None:
        """Whether a served pipeline's schedule is on, on the running services; None where it has none there."""

    def schedule(self, site: Site, pipeline: str, *, on: bool) -> None:
        """Starts or pauses the schedule of a served pipeline on the running services; where there is none, nothing."""

    def going_on(self, site: Site, pipeline: str) -> tuple[str, ...]:
        """The runs of a served pipeline that have not ended, by the orchestrator's own names."""

    def page(self, site: Site, native_id: str | None = None) -> str:
        """The URL where a person sees the run (None: the pipeline) in the orchestrator's own UI."""


class BackfillAdapter(Adapter, Protocol):
    """An orchestrator that has something for backfills, too."""

    backfills: Backfills

    def backfill(self, site: Site, order: BackfillOrder) -> str:
        """Starts a backfill of the orchestrator's own on the running services; returns its own name of it."""

    def progress(self, site: Site, order: BackfillOrder, native_id: str) -> NativeBackfill:
        """How that backfill goes, by the states of its steps."""

    def cancel(self, site: Site, order: BackfillOrder) -> None:
        """Ends every backfill of the order's pipeline and version that runs, with its runs."""


@dataclass(frozen=True)
class ModuleAdapter:
    """An adapter whose parts are functions of modules with the same names in every adapter's package.

    `translate`: translate, read_back; `observe`: run, submit, observe, page; `causes`: causes; `deploy`: plan;
    `limits`: LIMITS; `schedules`: scheduled, schedule, going_on, hold, HELD, perhaps admit (refuses a run that would be
    held); where it has them, `backfill`: backfill, progress, cancel. A module, and with it the orchestrator, is
    imported when one of its functions is first called. Some orchestrators make their home when they are imported:
    `home_variable` is the environment variable that says where, so that it is below the root and not in the user's own
    home.
    """

    name: str
    distribution: str
    package: str
    ports: tuple[str, ...] = ("web",)
    home_variable: str = ""
    backfills: Backfills = Backfills.NONE

    def _part(self, module: str, name: str, home: Path | None = None) -> Any:
        with _environment(self.home_variable, home):
            return getattr(import_module(f"{self.package}.{module}"), name)

    @property
    def limits(self) -> tuple[Limit, ...]:
        """What the orchestrator lacks."""
        found: tuple[Limit, ...] = self._part("limits", "LIMITS")
        return found

    def translate(self, pipeline: Pipeline) -> Any:
        """See `Adapter`; a property without a stand-in is refused here, for every adapter."""
        refuse_unsupported(self.name, self.limits, pipeline)
        return self._part("translate", "translate")(pipeline)

    def read_back(self, native: Any) -> Pipeline:
        """See `Adapter`."""
        found: Pipeline = self._part("translate", "read_back")(native)
        return found

    def run(self, request: RunRequest, home: Path) -> NativeRun:
        """See `Adapter`."""
        found: NativeRun = self._part("observe", "run", home)(request, home)
        return found

    def plan(self, site: Site) -> Plan:
        """See `Adapter`."""
        found: Plan = self._part("deploy", "plan", site.home)(site)
        return self._held(found, site) if site.paused else found

    def _held(self, plan: Plan, site: Site) -> Plan:
        """A plan that keeps schedules off: the variables HELD those that are new, `hold` those that are known."""
        program = f"import sys; from {self.package}.schedules import hold; hold(sys.argv[1:])"
        command = (sys.executable, "-P", "-c", program, *site.paused)
        held = {**plan.environment, **self._part("schedules", "HELD", site.home)}
        return replace(plan, prepare=(*plan.prepare, Process("schedules", command)), environment=held)

    def submit(self, site: Site, request: RunRequest) -> str:
        """See `Adapter`."""
        self._admit(site, request)
        return str(self._part("observe", "submit", site.home)(site, request))

    def observe(self, site: Site, request: RunRequest, native_id: str) -> NativeRun | None:
        """See `Adapter`."""
        found: NativeRun | None = self._part("observe", "observe", site.home)(site, request, native_id)
        return found

    def backfill(self, site: Site, order: BackfillOrder) -> str:
        """See `BackfillAdapter`."""
        self._admit(site, order.request)
        return str(self._part("backfill", "backfill", site.home)(site, order))

    def _admit(self, site: Site, request: RunRequest) -> None:
        if admit := self._part("schedules", "__dict__", site.home).get("admit"):
            admit(site, request.pipeline)

    def progress(self, site: Site, order: BackfillOrder, native_id: str) -> NativeBackfill:
        """See `BackfillAdapter`."""
        found: NativeBackfill = self._part("backfill", "progress", site.home)(site, order, native_id)
        return found

    def cancel(self, site: Site, order: BackfillOrder) -> None:
        """See `BackfillAdapter`."""
        self._part("backfill", "cancel", site.home)(site, order)

    def causes(self, site: Site, request: RunRequest, native_id: str) -> Mapping[str, ErrorInfo]:
        """See `Adapter`."""
        found: Mapping[str, ErrorInfo] = self._part("causes", "causes", site.home)(site, request, native_id)
        return found

    def scheduled(self, site: Site, pipeline: str) -> bool | None:
        """See `Adapter`."""
        found: bool | None = self._part("schedules", "scheduled", site.home)(site, pipeline)
        return found

    def schedule(self, site: Site, pipeline: str, *, on: bool) -> None:
        """See `Adapter`."""
        self._part("schedules", "schedule", site.home)(site, pipeline, on=on)

    def going_on(self, site: Site, pipeline: str) -> tuple[str, ...]:
        """See `Adapter`."""
        return tuple(self._part("schedules", "going_on", site.home)(site, pipeline))

    def page(self, site: Site, native_id: str | None = None) -> str:
        """See `Adapter`."""
        return str(self._part("observe", "page", site.home)(site, native_id))


@contextmanager
def _environment(name: str, home: Path | None) -> Iterator[None]:
    """Gives an environment variable a value for a while, unless the user has given it one."""
    given = name and home is not None and name not in os.environ
    if given:
        os.environ[name] = str(home)
    try:
        yield
    finally:
        if given:
            del os.environ[name]


def installed_version(distribution: str) -> str | None:
    """The installed version of a distribution in this environment, without importing it."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def find_adapters() -> dict[str, Any]:
    """The adapters that are installed in this environment, by name, not loaded."""
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def find_adapter(name: str) -> Adapter:
    """The adapter of that name, loaded.

    Raises:
        ServiceError: it, or its orchestrator, is not installed here; the message holds the command.
    """
    found = find_adapters().get(name)
    if found is None:
        raise ServiceError(
            f"the adapter for {name} is not installed here: run 'make setup' in the project, or"
            f" 'pip install counterpoint-{name}' in an environment of your own"
        )
    adapter: Adapter = found.load()
    if installed_version(adapter.distribution) is None:
        raise ServiceError(
            f"{adapter.distribution} is not installed in this environment: pip install {adapter.distribution}"
        )
    return adapter


def refuse_unsupported(adapter: str, limits: Sequence[Limit], pipeline: Pipeline) -> None:
    """Refuses a pipeline that uses what an orchestrator neither has nor can be given a stand-in for.

    Raises:
        UnsupportedError: names the property and the reason.
    """
    for limit in limits:
        if limit.stand_in is None and limit.uses(pipeline):
            raise UnsupportedError(
                f"{adapter} cannot run pipeline {pipeline.name}: {limit.subject}: {limit.reason};"
                " remove the property, or choose another orchestrator"
            )
