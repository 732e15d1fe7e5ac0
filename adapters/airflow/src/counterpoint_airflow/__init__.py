"""Counterpoint pipelines on Apache Airflow: DAGs of TaskFlow tasks, and back."""

from __future__ import annotations

from counterpoint.adapter import Backfills, ModuleAdapter

ADAPTER = ModuleAdapter(
    "airflow", "apache-airflow", "counterpoint_airflow", home_variable="AIRFLOW_HOME", backfills=Backfills.RANGE
)
