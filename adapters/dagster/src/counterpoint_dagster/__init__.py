"""Counterpoint pipelines on Dagster: assets by their public names, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.module_adapter import ModuleAdapter
from counterpoint_dagster.limits import BACKFILLS

if TYPE_CHECKING:
    from counterpoint.module_adapter import BackfillPart, Parts, TeamPart
    from counterpoint_dagster import backfill, build, causes, deploy, observe, schedules, team, translate

    _PARTS: Parts = (translate, build, observe, causes, deploy, schedules, backfill)
    _BACKFILL: BackfillPart = backfill
    _TEAM: TeamPart = team


class DagsterAdapter(ModuleAdapter):
    """The adapter for Dagster: translates a pipeline to assets, and runs and observes its runs."""

    name = "dagster"
    distribution = "dagster"
    package = "counterpoint_dagster"
    home_variable = "DAGSTER_HOME"
    backfills = BACKFILLS
    has_targets = True


ADAPTER = DagsterAdapter()

# the class that a `defs.yaml` names; its module imports Dagster, which the adapter's does not
_COMPONENT = "PipelineComponent"


def __getattr__(name: str) -> Any:
    """The component, imported when it is first looked up."""
    if name == _COMPONENT:
        from counterpoint_dagster.component import PipelineComponent

        return PipelineComponent
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """The names of this module with the component's: `dg` looks for components among them."""
    return sorted([*globals(), _COMPONENT])
