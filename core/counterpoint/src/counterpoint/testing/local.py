"""The local runner as an adapter: it tests the kit itself, and is an example of a minimal adapter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.adapter import Adapter, Plan
from counterpoint.model.serial import pipeline_from, to_values
from counterpoint.runtime import LocalRun, find_pipeline
from counterpoint.runtime.external import check_external

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from counterpoint.adapter import Limit, ServiceEnvironment
    from counterpoint.model import ErrorInfo, NativeRun, Pipeline, RunRequest
    from counterpoint.target import Target


class LocalAdapter(Adapter):
    """An adapter whose orchestrator is the local runner, and whose native object is a tree of JSON values.

    It runs its own native object, so that a property that `translate` loses is also missing in the run.
    It has no services: a run has ended when `start` returns.
    """

    name = "local"
    distribution = "counterpoint"
    ports = ()
    parallel = 4

    @property
    def limits(self) -> tuple[Limit, ...]:
        """No limits."""
        return ()

    def __init__(self) -> None:
        self.ended: dict[str, NativeRun] = {}

    def render(self, pipeline: Pipeline) -> Any:
        """The tree of a pipeline: dicts, lists, numbers and strings."""
        check_external(pipeline)
        return to_values(pipeline)

    def read_back(self, native: Any) -> Pipeline:
        """The pipeline that a tree describes."""
        return pipeline_from(native)

    def run(self, request: RunRequest, home: Path) -> NativeRun:  # noqa: ARG002 - nothing is kept
        """Runs a request by worker processes."""
        described = self.read_back(self.translate(find_pipeline(request.pipeline)))
        return LocalRun(request, self.parallel, pipeline=described).run()

    def services(self, target: ServiceEnvironment) -> Plan:  # noqa: ARG002
        """No services."""
        return Plan((), lambda: None)

    def start(self, target: Target, request: RunRequest) -> str:
        """Runs the request now."""
        self.ended[request.run_id] = self.run(request, target.home)
        return request.run_id

    def observe(self, target: Target, request: RunRequest, native_id: str) -> NativeRun | None:  # noqa: ARG002
        """The run that was started."""
        return self.ended.get(native_id)

    def causes(self, target: Target, request: RunRequest, native_id: str) -> Mapping[str, ErrorInfo]:  # noqa: ARG002
        """Empty: the steps record all errors themselves."""
        return {}

    def scheduled(self, target: Target, pipeline: str) -> bool | None:  # noqa: ARG002
        """None: there is no schedule."""
        return None

    def schedule(self, target: Target, pipeline: str, *, on: bool) -> None:
        """Does nothing, because there is no schedule."""

    def active_runs(self, target: Target, pipeline: str) -> tuple[str, ...]:  # noqa: ARG002
        """Empty, because a run has ended when `start` returns."""
        return ()

    def page(self, target: Target, native_id: str | None = None) -> str:
        """The folder, because there are no pages."""
        return f"{target.home}/{native_id or ''}"
