"""Checks before services run a pipeline with some settings, which other distributions add by an entry point.

An entry point of the group `counterpoint.serving` names a function that takes the root's objects, a pipeline, an
orchestrator and the settings; it raises UsageError if these settings must not be served.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from counterpoint.errors import UsageError
from counterpoint.runtime import schedule_ownership

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.model import Pipeline
    from counterpoint.storage.objects import Objects

GROUP = "counterpoint.serving"
# the check, and the distribution, that keep the comparisons which prove a cut-over
CUTOVER, DISTRIBUTION = "cutover", "counterpoint-migrate"


def refuse_unproved(objects: Objects, pipeline: Pipeline, orchestrator: str, config: Mapping[str, Any]) -> None:
    """Runs every check; a cut-over whose proof cannot be read here is refused, too.

    Raises:
        UsageError: A check refuses the settings, or the proof of a cut-over cannot be checked here.
    """
    checks = {point.name: point for point in entry_points(group=GROUP)}
    if CUTOVER not in checks and schedule_ownership.read(objects, pipeline.name).proved_cutover(orchestrator):
        raise UsageError(
            f"{pipeline.name} was cut over to {orchestrator} by comparisons that only {DISTRIBUTION} can check its"
            f" settings against: pip install {DISTRIBUTION}"
        )
    for check in checks.values():
        check.load()(objects, pipeline, orchestrator, config)
