"""Deadlines in Airflow's terms: an alert for each DAG that counts from the time when a run was due."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from counterpoint.model import Pipeline

# registered by the plugin; Airflow before 3.3 has no custom deadline references
REFERENCES: list[type] = []

if hasattr(AirflowPlugin, "deadline_references"):
    from airflow.sdk.definitions.deadline import BaseDeadlineReference

    class DueReference(BaseDeadlineReference):
        """The time when a scheduled run was due; backfill runs and manual runs have no deadline."""

        required_kwargs: ClassVar[set[str]] = {"dag_id", "run_id"}

        def _evaluate_with(self, *, session: Any, dag_id: str, run_id: str) -> datetime | None:
            from airflow.models.dagrun import DagRun

            run = session.query(DagRun).filter_by(dag_id=dag_id, run_id=run_id).one_or_none()
            due: datetime | None = run.run_after if run is not None and run.run_type == "scheduled" else None
            return due

    REFERENCES.append(DueReference)


def due() -> Any:
    """The reference that deadlines count from: the due time of the run, or its queue time before Airflow 3.3.

    Backfills and retries clear runs, and Airflow 3.3 cannot clear a run whose deadline counts from its queue time.
    """
    from airflow.sdk.definitions.deadline import DeadlineReference

    return REFERENCES[0]() if REFERENCES else DeadlineReference.DAGRUN_QUEUED_AT


async def late(context: Mapping[str, Any], served: str | None = None, deployed: str | None = None) -> None:
    """Reports a late scheduled run; the triggerer calls it. Backfill runs and manual runs have no deadline.

    `served` and `deployed` are those that a generated DAG file gives to its tasks.
    """
    run = context["dag_run"]
    if run["run_type"] == "scheduled":
        await asyncio.to_thread(_tell, run, served, deployed)


def _tell(run: Mapping[str, Any], served: str | None, deployed: str | None) -> None:
    from counterpoint.monitoring import tell_late
    from counterpoint.runtime import find_pipeline
    from counterpoint_airflow.binding import configuration_of

    moment = run.get("partition_key") or run["data_interval_start"] or run["run_after"]
    configuration = configuration_of(find_pipeline(served), deployed) if served else None
    tell_late(run["dag_id"], moment, "airflow", reference=served, configuration=configuration)


def deadline(pipeline: Pipeline) -> Any:
    """The deadline alert of a DAG; None without a deadline."""
    return deadline_of(pipeline.deadline) if pipeline.deadline else None


def deadline_of(interval: timedelta, **binding: str) -> Any:
    """The alert of a DAG whose runs should end that long after they were due by its schedule.

    Args:
        interval: The time from when a run is due.
        binding: `served` and `deployed`, where a generated file makes the alert.
    """
    from airflow.sdk.definitions.deadline import AsyncCallback, DeadlineAlert

    return DeadlineAlert(due(), interval, AsyncCallback(late, kwargs=binding))
