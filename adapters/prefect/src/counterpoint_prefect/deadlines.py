"""Deadlines in Prefect's terms: an automation per deployment, triggered by a run that does not complete in time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

# the shortest period of a proactive trigger that Prefect accepts
_SHORTEST = timedelta(seconds=10)


def watch_deadline(client: SyncPrefectClient, name: str, deployment: str, deadline: timedelta, active: bool) -> None:  # noqa: FBT001
    """Creates or updates the automation that triggers when a run does not complete in time after it was due."""
    from prefect.automations import AutomationCore, DoNothing, EventTrigger, Posture

    trigger = EventTrigger(
        after={"prefect.flow-run.Pending", "prefect.flow-run.Late"},
        expect={"prefect.flow-run.Completed"},
        for_each={"prefect.resource.id"},
        match_related={"prefect.resource.role": "deployment", "prefect.resource.id": deployment},
        posture=Posture.Proactive,
        within=max(deadline, _SHORTEST),
    )
    wanted = AutomationCore(name=f"{name} deadline", enabled=active, trigger=trigger, actions=[DoNothing()])
    if automations := client.read_automations_by_name(wanted.name):
        client.update_automation(automations[0].id, wanted)
    elif active:
        client.create_automation(wanted)
