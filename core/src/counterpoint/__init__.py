"""Write an ML pipeline once, as pure functions with contracts; run it on Airflow, Dagster or Prefect."""

from __future__ import annotations

__version__ = "0.1.0"
