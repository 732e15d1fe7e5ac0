"""Approvals on Airflow's own page: a task that waits for one is a required action there, and its responder is recorded.

Airflow has one such request for each try of a task. Its text is that of the first time, so it names no digest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import Param
from airflow.sdk.execution_time.hitl import (
    get_hitl_detail_content_detail,
    update_hitl_detail_response,
    upsert_hitl_detail,
)

from counterpoint.runtime.approvals import Responder, answered, decision_in

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from counterpoint.model import RunRequest
    from counterpoint.runtime.approvals import ApprovalRequest

APPROVE, REJECT = "Approve", "Reject"
ANSWER = "chosen_options"
_REASON = Param("", type=["null", "string"], description="Why; the step fails with it when it is rejected.")


def ask(ti_id: UUID, request: RunRequest, step: str, approval: ApprovalRequest) -> None:
    """Shows on Airflow's page that a task waits for an approval; only those who may give it can respond."""
    note = f"{approval.wait.target}\n\n" if approval.wait.target else ""
    upsert_hitl_detail(
        ti_id=ti_id,
        options=[APPROVE, REJECT],
        subject=f"Approve {step} of {request.partition}",
        body=f"{note}The digests of its inputs are in the task's log. From a terminal: `{approval.command}`",
        params={"reason": _REASON.serialize()},
        assigned_users=[{"id": name, "name": name} for name in approval.wait.by] or None,
    )


def response(ti_id: Any) -> dict[str, Any] | None:
    """What a person responded on the page, in the form of the event with which Airflow resumes a task; None so far."""
    detail = get_hitl_detail_content_detail(ti_id)
    if not detail.response_received or not detail.chosen_options:
        return None
    user = detail.responded_by_user
    responder = {"id": user.id, "name": user.name} if user else None
    answer = {"params_input": detail.params_input or {}, "responded_by_user": responder}
    return {ANSWER: list(detail.chosen_options), **answer}


def keep_response(request: RunRequest, step: str, event: Mapping[str, Any]) -> None:
    """Keeps what a person responded on the page."""
    user = event["responded_by_user"] or {"id": "", "name": "nobody"}
    responder = Responder(str(user["name"] or user["id"]), "airflow", str(user["id"]))
    reason = str((event.get("params_input") or {}).get("reason") or "")
    answered(request, step, responder, approved=event[ANSWER] == [APPROVE], reason=reason)


def close(ti_id: Any, request: RunRequest, step: str) -> None:
    """Shows on the page what was decided elsewhere, so that nobody responds any more."""
    decision = decision_in(request, step)
    if decision:
        chosen = APPROVE if decision.approved else REJECT
        update_hitl_detail_response(ti_id, [chosen], {"reason": str(decision)})
