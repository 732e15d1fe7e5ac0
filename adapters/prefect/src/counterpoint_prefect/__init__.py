"""Counterpoint pipelines on Prefect: a flow of tasks, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from counterpoint.module_adapter import ModuleAdapter
from counterpoint_prefect.limits import BACKFILLS

if TYPE_CHECKING:
    from counterpoint.module_adapter import Parts, TeamPart
    from counterpoint_prefect import backfill, build, causes, deploy, observe, schedules, team, translate

    _PARTS: Parts = (translate, build, observe, causes, deploy, schedules, backfill)
    _TEAM: TeamPart = team


class PrefectAdapter(ModuleAdapter):
    """The adapter for Prefect: translates a pipeline to a flow, and runs and observes its flow runs."""

    name = "prefect"
    distribution = "prefect"
    package = "counterpoint_prefect"
    home_variable = "PREFECT_HOME"
    backfills = BACKFILLS
    has_targets = True


ADAPTER = PrefectAdapter()
