"""The Airflow adapter; Airflow itself is imported only when a method is called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint_airflow.limits import LIMITS

if TYPE_CHECKING:
    from pathlib import Path

    from counterpoint.adapter import Plan, Site
    from counterpoint.model import NativeRun, Pipeline, RunRequest


class AirflowAdapter:
    """A DAG of TaskFlow tasks with asset outlets, pools, retry policies and trigger rules."""

    name = "airflow"
    distribution = "apache-airflow"
    limits = LIMITS
    ports = ("web",)

    def translate(self, pipeline: Pipeline) -> Any:
        """The `airflow.sdk.DAG` of a pipeline."""
        from counterpoint_airflow.translate import dag_of

        return dag_of(pipeline)

    def read_back(self, native: Any) -> Pipeline:
        """The pipeline that a DAG and its tasks describe."""
        from counterpoint_airflow.translate import pipeline_of

        return pipeline_of(native)

    def run(self, request: RunRequest, home: Path) -> NativeRun:
        """Runs `dag.test()` in this process, with a metadata database in `home`."""
        from counterpoint_airflow.observe import run_in_process

        return run_in_process(request, home)

    def plan(self, site: Site) -> Plan:
        """The API server, scheduler, DAG processor and triggerer."""
        from counterpoint_airflow.deploy import plan_of

        return plan_of(site)

    def submit(self, site: Site, request: RunRequest) -> str:
        """Triggers a DAG run by the REST API."""
        from counterpoint_airflow.observe import submit

        return submit(site, request)

    def observe(self, site: Site, request: RunRequest, native_id: str) -> NativeRun | None:
        """The DAG run and its task instances, by the REST API."""
        from counterpoint_airflow.observe import observe

        return observe(site, request, native_id)

    def page(self, site: Site, native_id: str | None = None) -> str:
        """The DAG's page; a run is one click from it."""
        return f"{site.url()}/dags" if native_id is None else f"{site.url()}/dags/{native_id.replace('::', '/runs/')}"


ADAPTER = AirflowAdapter()
