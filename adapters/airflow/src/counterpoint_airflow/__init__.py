"""Counterpoint pipelines on Apache Airflow: DAGs of TaskFlow tasks, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from counterpoint.module_adapter import ModuleAdapter
from counterpoint_airflow.limits import BACKFILLS

if TYPE_CHECKING:
    from counterpoint.module_adapter import BackfillPart, Parts, TeamPart
    from counterpoint_airflow import backfill, build, causes, deploy, observe, schedules, team, translate

    _PARTS: Parts = (translate, build, observe, causes, deploy, schedules, backfill)
    _BACKFILL: BackfillPart = backfill
    _TEAM: TeamPart = team


class AirflowAdapter(ModuleAdapter):
    """The adapter for Airflow: translates a pipeline to a DAG, and runs and observes its DAG runs."""

    name = "airflow"
    distribution = "apache-airflow"
    package = "counterpoint_airflow"
    home_variable = "AIRFLOW_HOME"
    backfills = BACKFILLS
    has_targets = True


ADAPTER = AirflowAdapter()
