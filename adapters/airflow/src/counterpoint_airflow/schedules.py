"""The schedules of DAGs: looked at, started and paused by the REST API; kept paused in the database before a start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from counterpoint.commands import command
from counterpoint.errors import ServiceError
from counterpoint.runtime import find_pipeline
from counterpoint_airflow.client import call, change, rows_of

if TYPE_CHECKING:
    from counterpoint.adapter import ServiceEnvironment

# a DAG that was never seen would run its newest tick at once
PAUSE_BEFORE_START = {"AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True"}


def scheduled(target: ServiceEnvironment, pipeline: str) -> bool | None:
    """Whether the DAG is not paused; None when it has no cron, as on a service environment without schedules."""
    has_cron = target.schedules and find_pipeline(pipeline).schedule
    return not call(target, _path(pipeline))["is_paused"] if has_cron else None


def schedule(target: ServiceEnvironment, pipeline: str, *, on: bool) -> None:
    """Pauses the DAG, or ends that; a paused one does not begin what is triggered either."""
    change(target, f"{_path(pipeline)}?update_mask=is_paused", {"is_paused": not on})


def admit(target: ServiceEnvironment, pipeline: str) -> None:
    """Refuses what would wait in the queue of a paused DAG for ever; where nothing is scheduled, ends the pause.

    Raises:
        ServiceError: the DAG is paused.
    """
    if call(target, _path(pipeline))["is_paused"]:
        if target.schedules:
            ledger = command("migrate", "ledger", pipeline, root=target.root)
            raise ServiceError(f"airflow holds all runs of {pipeline}, for its DAG is paused: see '{ledger}'")
        schedule(target, pipeline, on=True)


def active_runs(target: ServiceEnvironment, pipeline: str) -> tuple[str, ...]:
    """The runs of the DAG that wait to begin, or run."""
    rows = rows_of(target, f"{_path(pipeline)}/dagRuns?state=queued&state=running", "dag_runs")
    return tuple(row["dag_run_id"] for row in rows)


def _path(pipeline: str) -> str:
    return f"/dags/{find_pipeline(pipeline).name}"


def pause_before_start(pipelines: list[str]) -> None:
    """Pauses DAGs in the database, before a server runs; `PAUSE_BEFORE_START` covers those that it does not know."""
    from airflow.models import DagModel
    from airflow.utils.session import create_session

    names = [find_pipeline(pipeline).name for pipeline in pipelines]
    with create_session() as session:
        for dag in session.query(DagModel).filter(DagModel.dag_id.in_(names)):
            dag.is_paused = True  # a given database holds no DAGs of others: that is refused before
