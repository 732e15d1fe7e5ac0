"""An orchestrator that is a pool of threads, and its adapter: Counterpoint's core knows of neither."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.adapter import Adapter
from counterpoint.model.serial import pipeline_from, to_values
from counterpoint.runtime import LocalRun, find_pipeline

if TYPE_CHECKING:
    from pathlib import Path

    from counterpoint.adapter import Limit
    from counterpoint.model import NativeRun, Pipeline, RunRequest


class ToyAdapter(Adapter):
    """Runs what a tree of plain values says, in two threads; it has no servers."""

    name = "toy"
    distribution = "counterpoint-toy"
    has_services = False

    @property
    def limits(self) -> tuple[Limit, ...]:
        return ()

    def render(self, pipeline: Pipeline) -> Any:
        return to_values(pipeline)

    def read_back(self, native: Any) -> Pipeline:
        return pipeline_from(native)

    def run(self, request: RunRequest, home: Path) -> NativeRun:  # noqa: ARG002 - it keeps nothing
        described = self.read_back(self.translate(find_pipeline(request.pipeline)))
        return LocalRun(request, 2, pipeline=described).run()


ADAPTER = ToyAdapter()
