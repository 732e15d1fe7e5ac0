"""The names of the orchestrators and of the distributions that hold them; known without importing any."""

from __future__ import annotations

DISTRIBUTIONS = {"airflow": "apache-airflow", "dagster": "dagster", "prefect": "prefect"}
ORCHESTRATORS = tuple(DISTRIBUTIONS)
