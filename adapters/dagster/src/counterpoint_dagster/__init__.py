"""Counterpoint pipelines on Dagster: assets by their public names, and back."""

from __future__ import annotations

from counterpoint.adapter import Backfills, ModuleAdapter

ADAPTER = ModuleAdapter(
    "dagster", "dagster", "counterpoint_dagster", home_variable="DAGSTER_HOME", backfills=Backfills.ANY
)
