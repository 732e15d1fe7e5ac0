"""Reads, starts and pauses the schedules of DAGs by the REST API; pauses them in the database before a start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from counterpoint.commands import command
from counterpoint.errors import ServiceError
from counterpoint.runtime import find_pipeline
from counterpoint_airflow.client import call, change, rows_of

if TYPE_CHECKING:
    from counterpoint.target import Target

# an unpaused new DAG would run its newest tick at once
PAUSE_BEFORE_START = {"AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True"}


def scheduled(target: Target, pipeline: str) -> bool | None:
    """Whether the DAG is active; None when it has no cron, as in a service environment without schedules."""
    has_cron = target.schedules and find_pipeline(pipeline).schedule
    return not call(target, _path(pipeline))["is_paused"] if has_cron else None


def schedule(target: Target, pipeline: str, *, on: bool) -> None:
    """Unpauses or pauses the DAG; a paused DAG does not start triggered runs either."""
    change(target, f"{_path(pipeline)}?update_mask=is_paused", {"is_paused": not on})


def admit(target: Target, pipeline: str) -> None:
    """Refuses a run that would wait forever in a paused DAG; without schedules, unpauses the DAG instead.

    Raises:
        ServiceError: the DAG is paused, and the target runs schedules.
    """
    if call(target, _path(pipeline))["is_paused"]:
        if target.schedules:
            ledger = command("migrate", "ledger", pipeline, root=target.root)
            raise ServiceError(f"airflow holds all runs of {pipeline}, because its DAG is paused: see '{ledger}'")
        schedule(target, pipeline, on=True)


def active_runs(target: Target, pipeline: str) -> tuple[str, ...]:
    """The queued and running runs of the DAG."""
    rows = rows_of(target, f"{_path(pipeline)}/dagRuns?state=queued&state=running", "dag_runs")
    return tuple(row["dag_run_id"] for row in rows)


def _path(pipeline: str) -> str:
    return f"/dags/{find_pipeline(pipeline).name}"


def pause_before_start(pipelines: list[str]) -> None:
    """Pauses DAGs in the database before a server runs; `PAUSE_BEFORE_START` covers DAGs that are not in it yet."""
    from airflow.models import DagModel
    from airflow.utils.session import create_session

    names = [find_pipeline(pipeline).name for pipeline in pipelines]
    with create_session() as session:
        for dag in session.query(DagModel).filter(DagModel.dag_id.in_(names)):
            dag.is_paused = True  # a given database holds no DAGs of others: `claim` refuses such a database
