"""Deadlines in Prefect's terms: an automation per deployment, triggered by a run that does not complete in time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prefect.automations import AutomationCore
    from prefect.client.orchestration import SyncPrefectClient

# the shortest period of a proactive trigger that Prefect accepts
_SHORTEST = timedelta(seconds=10)


def watch_deadline(client: SyncPrefectClient, name: str, deployment: str, deadline: timedelta, active: bool) -> None:  # noqa: FBT001
    """Creates or updates the automation that triggers when a run does not complete in time after it was due."""
    related = {"prefect.resource.role": "deployment", "prefect.resource.id": deployment}
    wanted = deadline_automation(name, deadline, [related], active=active)
    if automations := client.read_automations_by_name(wanted.name):
        client.update_automation(automations[0].id, wanted)
    elif active:
        client.create_automation(wanted)


def deadline_automation(
    name: str, deadline: timedelta, related: list[dict[str, str]], *, active: bool = True
) -> AutomationCore:
    """The automation of a pipeline's deadline.

    Args:
        name: The pipeline.
        deadline: How long after a run was due it must have completed.
        related: The labels of resources that the run must have.
        active: Whether it is enabled.
    """
    from prefect.automations import AutomationCore, DoNothing, EventTrigger, Posture
    from prefect.events.schemas.events import ResourceSpecification

    specifications = [ResourceSpecification(labels) for labels in related]
    trigger = EventTrigger(
        after={"prefect.flow-run.Pending", "prefect.flow-run.Late"},
        expect={"prefect.flow-run.Completed"},
        for_each={"prefect.resource.id"},
        match_related=specifications[0] if len(specifications) == 1 else specifications,
        posture=Posture.Proactive,
        within=max(deadline, _SHORTEST),
    )
    return AutomationCore(name=f"{name} deadline", enabled=active, trigger=trigger, actions=[DoNothing()])
