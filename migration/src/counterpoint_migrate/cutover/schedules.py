"""The schedule of a pipeline on an orchestrator's running services, called in the environment of its adapter."""

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
from counterpoint.remote_env import query
from counterpoint.runtime import find_pipeline
from counterpoint.services import ServiceEngine
from counterpoint.services.service_environments import running_target

if TYPE_CHECKING:
    from collections.abc import Callable

    from counterpoint.adapter import ServiceEnvironment

_SECONDS = 180
_ON, _OFF, _SCHEDULED, _ACTIVE_RUNS = "on", "off", "scheduled", "going_on"


class Side(Protocol):
    """A side with a schedule that can be read, started and paused."""

    @property
    def name(self) -> str:
        """The name in messages."""

    @property
    def is_running(self) -> bool:
        """Whether it is running now, and answers."""

    def scheduled(self) -> bool | None:
        """Whether the schedule is on; None if there is none."""

    def schedule(self, *, on: bool) -> None:
        """Starts or pauses the schedule."""

    def active_runs(self) -> tuple[str, ...]:
        """The active runs, by the orchestrator's own ids."""


@dataclass(frozen=True)
class Served:
    """A pipeline on the services of a root; `python` is the interpreter that has the adapter."""

    name: str
    root: str
    pipeline: str
    python: Path

    @property
    def is_running(self) -> bool:
        """Whether running services serve the pipeline."""
        target = running_target(self.root, self.name)
        return target is not None and served_as(target, self.pipeline) is not None

    def scheduled(self) -> bool | None:
        """See `Side`."""
        is_on: bool | None = self._ask(_SCHEDULED)
        return is_on

    def schedule(self, *, on: bool) -> None:
        """See `Side`."""
        self._ask(_ON if on else _OFF)

    def active_runs(self) -> tuple[str, ...]:
        """See `Side`."""
        return tuple(self._ask(_ACTIVE_RUNS))

    def _ask(self, operation: str) -> Any:
        words = (self.name, self.root, self.pipeline)
        if self.python == Path(sys.executable):
            return carry_out(operation, *words)
        command = [str(self.python), "-P", "-m", __name__, str(os.getpid()), operation, *words]

        def refused(_: int, last_line: str) -> ServiceError:
            down = counterpoint_command("down", self.name, root=self.root)
            return ServiceError(f"{self.name}: {last_line}; stop it by '{down}', or repair it")

        return query(command, _SECONDS, f"{self.name} was not asked", refused)


def served_as(target: ServiceEnvironment, pipeline: str) -> str | None:
    """The name under which a service environment serves a pipeline; None if it does not."""
    pipeline_name = find_pipeline(pipeline).name
    return next((name for name in target.pipelines if find_pipeline(name).name == pipeline_name), None)


def carry_out(operation: str, orchestrator: str, root: str, pipeline: str) -> Any:
    """Reads or switches a schedule with an adapter that is installed here.

    Raises:
        ServiceError: the services are not running, do not serve the pipeline, or refuse.
    """
    target, adapter = running_target(root, orchestrator), find_adapter(orchestrator)
    served_name = served_as(target, pipeline) if target else None
    if target is None or served_name is None:
        raise ServiceError(f"{orchestrator} does not serve {pipeline} on {root} any more")
    operations: dict[str, Callable[[], Any]] = {
        _ON: lambda: adapter.schedule(target, served_name, on=True),
        _OFF: lambda: adapter.schedule(target, served_name, on=False),
        _SCHEDULED: lambda: adapter.scheduled(target, served_name),
        _ACTIVE_RUNS: lambda: adapter.active_runs(target, served_name),
    }
    return ServiceEngine(adapter, target).answered(operations[operation])


def main() -> int:
    """Prints the result of `carry_out` as JSON; does nothing if its parent is gone, because another may act by now."""
    parent, *words = sys.argv[1:]
    if os.getppid() != int(parent):
        return ServiceError.exit_code
    try:
        result = carry_out(*words)
    except CounterpointError as error:
        print(str(error).splitlines()[0], file=sys.stderr)  # noqa: T201 - what `Served` reads
        return error.exit_code
    json.dump(result, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
