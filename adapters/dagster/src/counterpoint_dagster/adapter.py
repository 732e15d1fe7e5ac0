"""The Dagster adapter; Dagster itself is imported only when a method is called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint_dagster.limits import LIMITS

if TYPE_CHECKING:
    from pathlib import Path

    from counterpoint.adapter import Plan, Site
    from counterpoint.model import NativeRun, Pipeline, RunRequest


class DagsterAdapter:
    """Assets with partitions, window mappings, checks, pools and freshness policies."""

    name = "dagster"
    distribution = "dagster"
    limits = LIMITS
    ports = ("web",)

    def translate(self, pipeline: Pipeline) -> Any:
        """The `dagster.Definitions` of a pipeline."""
        from counterpoint_dagster.translate import definitions_of

        return definitions_of(pipeline)

    def read_back(self, native: Any) -> Pipeline:
        """The pipeline that definitions describe."""
        from counterpoint_dagster.translate import pipeline_of

        return pipeline_of(native)

    def run(self, request: RunRequest, home: Path) -> NativeRun:
        """Runs by Dagster's in-process executor with an instance in `home`."""
        from counterpoint_dagster.observe import run_in_process

        return run_in_process(request, home)

    def plan(self, site: Site) -> Plan:
        """The webserver and the daemon."""
        from counterpoint_dagster.deploy import plan_of

        return plan_of(site)

    def submit(self, site: Site, request: RunRequest) -> str:
        """Launches a run by GraphQL."""
        from counterpoint_dagster.observe import submit

        return submit(site, request)

    def observe(self, site: Site, request: RunRequest, native_id: str) -> NativeRun | None:
        """The run and those that followed it, by GraphQL."""
        from counterpoint_dagster.observe import observe

        return observe(site, request, native_id)

    def page(self, site: Site, native_id: str | None = None) -> str:
        """The run's page, or the asset graph."""
        return f"{site.url()}/runs/{native_id}" if native_id else f"{site.url()}/asset-groups"


ADAPTER = DagsterAdapter()
