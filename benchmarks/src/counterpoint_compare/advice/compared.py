"""The orchestrators that are ranked: the evidence of each criterion has a row for each of them."""

from __future__ import annotations

ORCHESTRATORS = ("airflow", "dagster", "prefect")
