"""Deadlines in Airflow's terms: an alert for each DAG, which counts from when a run was due by its schedule."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from counterpoint.model import Pipeline

# for Airflow's plugins; before 3.3 there are no references of one's own
REFERENCES: list[type] = []

if hasattr(AirflowPlugin, "deadline_references"):
    from airflow.sdk.definitions.deadline import BaseDeadlineReference

    class DueReference(BaseDeadlineReference):
        """When a run was due by its schedule; one of a backfill, or that a person started, has no deadline."""

        required_kwargs: ClassVar[set[str]] = {"dag_id", "run_id"}

        def _evaluate_with(self, *, session: Any, dag_id: str, run_id: str) -> datetime | None:
            from airflow.models.dagrun import DagRun

            run = session.query(DagRun).filter_by(dag_id=dag_id, run_id=run_id).one_or_none()
            due: datetime | None = run.run_after if run is not None and run.run_type == "scheduled" else None
            return due

    REFERENCES.append(DueReference)


def due() -> Any:
    """What deadlines count from: when the run was due, and before Airflow 3.3 when it was queued.

    Airflow 3.3 cannot clear a run whose deadline counts from the queue, as backfills and retries do.
    """
    from airflow.sdk.definitions.deadline import DeadlineReference

    return REFERENCES[0]() if REFERENCES else DeadlineReference.DAGRUN_QUEUED_AT


async def late(context: Mapping[str, Any]) -> None:
    """What the triggerer does when a run is late; one of a backfill, or that a person started, has no deadline."""
    from counterpoint.monitoring import tell_late

    run = context["dag_run"]
    if run["run_type"] == "scheduled":
        await asyncio.to_thread(tell_late, run["dag_id"], run["data_interval_start"], "airflow")


def deadline(pipeline: Pipeline) -> Any:
    """The deadline alert of a DAG: that long after the run was due by its schedule."""
    if pipeline.deadline is None:
        return None
    from airflow.sdk.definitions.deadline import AsyncCallback, DeadlineAlert

    return DeadlineAlert(due(), pipeline.deadline, AsyncCallback(late))
