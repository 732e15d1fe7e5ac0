"""The schedule of a pipeline on an orchestrator's running services, asked in the environment that has the adapter."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from counterpoint.adapter import find_adapter
from counterpoint.commands import command as counterpoint_command
from counterpoint.errors import CounterpointError, ServiceError
from counterpoint.remote_env import asked
from counterpoint.runtime import find_pipeline
from counterpoint.services import ServiceEngine
from counterpoint.services.service_environments import running_target

if TYPE_CHECKING:
    from collections.abc import Callable

    from counterpoint.adapter import ServiceEnvironment

_SECONDS = 180
_ON, _OFF, _SCHEDULED, _GOING_ON = "on", "off", "scheduled", "going_on"


class Side(Protocol):
    """What has a schedule that can be looked at, started and paused."""

    @property
    def name(self) -> str:
        """What it is called in messages."""

    @property
    def stands(self) -> bool:
        """Whether it runs now, and can be asked."""

    def scheduled(self) -> bool | None:
        """Whether the schedule is on; None where there is none."""

    def schedule(self, *, on: bool) -> None:
        """Starts or pauses it."""

    def active_runs(self) -> tuple[str, ...]:
        """The runs that have not ended, by the orchestrator's own names."""


@dataclass(frozen=True)
class Served:
    """A pipeline on the services of a root; `python` is the one that has the adapter."""

    name: str
    root: str
    pipeline: str
    python: Path

    @property
    def stands(self) -> bool:
        """Whether services that run now serve the pipeline."""
        target = running_target(self.root, self.name)
        return target is not None and served_as(target, self.pipeline) is not None

    def scheduled(self) -> bool | None:
        """See `Side`."""
        found: bool | None = self._ask(_SCHEDULED)
        return found

    def schedule(self, *, on: bool) -> None:
        """See `Side`."""
        self._ask(_ON if on else _OFF)

    def active_runs(self) -> tuple[str, ...]:
        """See `Side`."""
        return tuple(self._ask(_GOING_ON))

    def _ask(self, what: str) -> Any:
        words = (self.name, self.root, self.pipeline)
        if self.python == Path(sys.executable):
            return carry_out(what, *words)
        command = [str(self.python), "-P", "-m", __name__, str(os.getpid()), what, *words]

        def refused(_: int, said: str) -> ServiceError:
            down = counterpoint_command("down", self.name, root=self.root)
            return ServiceError(f"{self.name}: {said}; stop it by '{down}', or mend it")

        return asked(command, _SECONDS, f"{self.name} was not asked", refused)


def served_as(target: ServiceEnvironment, pipeline: str) -> str | None:
    """By which name a service environment serves a pipeline, if it does."""
    own = find_pipeline(pipeline).name
    return next((name for name in target.pipelines if find_pipeline(name).name == own), None)


def carry_out(what: str, orchestrator: str, root: str, pipeline: str) -> Any:
    """What an adapter that is installed here says of a schedule, or does to it.

    Raises:
        ServiceError: the services do not run, do not serve the pipeline, or refuse.
    """
    target, adapter = running_target(root, orchestrator), find_adapter(orchestrator)
    served = served_as(target, pipeline) if target else None
    if target is None or served is None:
        raise ServiceError(f"{orchestrator} does not serve {pipeline} on {root} any more")
    asked: dict[str, Callable[[], Any]] = {
        _ON: lambda: adapter.schedule(target, served, on=True),
        _OFF: lambda: adapter.schedule(target, served, on=False),
        _SCHEDULED: lambda: adapter.scheduled(target, served),
        _GOING_ON: lambda: adapter.active_runs(target, served),
    }
    return ServiceEngine(adapter, target).answered(asked[what])


def main() -> int:
    """Prints as JSON what `carry_out` returns; does nothing when the one who asked is gone: another may ask by now."""
    parent, *words = sys.argv[1:]
    if os.getppid() != int(parent):
        return ServiceError.exit_code
    try:
        found = carry_out(*words)
    except CounterpointError as error:
        print(str(error).splitlines()[0], file=sys.stderr)  # noqa: T201 - what `Served` reads
        return error.exit_code
    json.dump(found, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
