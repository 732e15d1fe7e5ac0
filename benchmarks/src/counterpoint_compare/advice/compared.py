"""What is weighed against each other: the evidence of each criterion has a row for each of these."""

from __future__ import annotations

ORCHESTRATORS = ("airflow", "dagster", "prefect")
