"""The Prefect adapter; Prefect itself is imported only when a method is called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint_prefect.limits import LIMITS

if TYPE_CHECKING:
    from pathlib import Path

    from counterpoint.adapter import Plan, Site
    from counterpoint.model import NativeRun, Pipeline, RunRequest


class PrefectAdapter:
    """A flow whose tasks pass references, with retries, global concurrency limits and artifacts."""

    name = "prefect"
    distribution = "prefect"
    limits = LIMITS
    ports = ("web",)

    def translate(self, pipeline: Pipeline) -> Any:
        """The `prefect.Flow` of a pipeline."""
        from counterpoint_prefect.translate import flow_of

        return flow_of(pipeline)

    def read_back(self, native: Any) -> Pipeline:
        """The pipeline that a flow and its tasks describe."""
        from counterpoint_prefect.translate import pipeline_of

        return pipeline_of(native)

    def run(self, request: RunRequest, home: Path) -> NativeRun:
        """Calls the flow in this process; Prefect starts a server of its own for that, with its data in `home`."""
        from counterpoint_prefect.observe import run_in_process

        return run_in_process(request, home)

    def plan(self, site: Site) -> Plan:
        """The server and a worker of a process pool."""
        from counterpoint_prefect.deploy import plan_of

        return plan_of(site)

    def submit(self, site: Site, request: RunRequest) -> str:
        """Creates a run of the pipeline's deployment."""
        from counterpoint_prefect.observe import submit

        return submit(site, request)

    def observe(self, site: Site, request: RunRequest, native_id: str) -> NativeRun | None:
        """The flow run and its task runs, by the API."""
        from counterpoint_prefect.observe import observe

        return observe(site, request, native_id)

    def page(self, site: Site, native_id: str | None = None) -> str:
        """The flow run's page, or all runs."""
        return f"{site.url()}/runs/flow-run/{native_id}" if native_id else f"{site.url()}/runs"


ADAPTER = PrefectAdapter()
