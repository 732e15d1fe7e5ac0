"""Counterpoint pipelines on Apache Airflow: DAGs of TaskFlow tasks, and back."""

from __future__ import annotations

from counterpoint_airflow.adapter import ADAPTER

__all__ = ["ADAPTER"]
