"""Counterpoint pipelines on Dagster: assets by their public names, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from counterpoint.module_adapter import ModuleAdapter
from counterpoint_dagster.limits import BACKFILLS

if TYPE_CHECKING:
    from counterpoint.module_adapter import BackfillPart, Parts
    from counterpoint_dagster import backfill, causes, deploy, observe, schedules, translate

    _PARTS: Parts = (translate, observe, causes, deploy, schedules, backfill)
    _BACKFILL: BackfillPart = backfill


class DagsterAdapter(ModuleAdapter):
    """The adapter for Dagster: translates a pipeline to assets, and runs and observes its runs."""

    name = "dagster"
    distribution = "dagster"
    package = "counterpoint_dagster"
    home_variable = "DAGSTER_HOME"
    backfills = BACKFILLS


ADAPTER = DagsterAdapter()
