"""Counterpoint pipelines on Prefect: a flow of tasks, and back."""

from __future__ import annotations

from counterpoint.adapter import Backfills, ModuleAdapter

ADAPTER = ModuleAdapter(
    "prefect", "prefect", "counterpoint_prefect", home_variable="PREFECT_HOME", backfills=Backfills.RUNS
)
