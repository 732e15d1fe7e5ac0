"""Deadlines in Airflow's terms: an alert for each DAG that counts from the time when a run was due."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

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


async def late(context: Mapping[str, Any]) -> None:
    """Reports a late scheduled run; the triggerer calls it. Backfill runs and manual runs have no deadline."""
    from counterpoint.monitoring import tell_late

    run = context["dag_run"]
    if run["run_type"] == "scheduled":
        await asyncio.to_thread(tell_late, run["dag_id"], run["data_interval_start"], "airflow")


def deadline(pipeline: Pipeline) -> Any:
    """The deadline alert of a DAG, which fires when the pipeline's deadline has passed since the run was due."""
    if pipeline.deadline is None:
        return None
    from airflow.sdk.definitions.deadline import AsyncCallback, DeadlineAlert

    return DeadlineAlert(due(), pipeline.deadline, AsyncCallback(late))
