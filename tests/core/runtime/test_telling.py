"""What a step tells when it ends: once, by its class, and with the command that redoes only that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from counterpoint.alerts.incidents import all_cases
from counterpoint.model import FailureClass, RunRequest, Severity, Status
from counterpoint.runtime.context import context_of
from counterpoint.runtime.execute import execute
from counterpoint.runtime.notifications import tell_success
from counterpoint.runtime.outputs import Product

if TYPE_CHECKING:
    from conftest import Toys

    from counterpoint.alerts import Alert


def alerts(toys: Toys, request: RunRequest) -> dict[str, Alert]:
    return {str(case.alert.step): case.alert for case in all_cases(toys.store(request))}


def test_what_fails_for_good_is_told_and_what_follows_from_it_is_not(toys: Toys) -> None:
    request = toys.request("failing")
    toys.run(request)
    told = alerts(toys, request)
    assert {name: (alert.severity, alert.failure) for name, alert in told.items()} == {
        "fails": (Severity.P0, FailureClass.CODE_BUG),
        "permanent": (Severity.P1, FailureClass.MISSING_INPUT),
        "undecided": (Severity.P0, FailureClass.CODE_BUG),
    }
    fails = told["fails"]
    assert fails.title == "failing: fails failed: ValueError"
    assert "no 3" in fails.detail
    assert fails.where is not None
    assert fails.where.endswith("in fails")
    assert fails.command == f"counterpoint retry toys:failing --run {request.run_id} --root {toys.root}"
    assert (fails.partition, fails.run_id, fails.version) == ("2026-01-03", request.run_id, "production")


def test_a_backfill_is_redone_as_a_whole_and_held(toys: Toys) -> None:
    request = toys.request("failing", version="v2")
    toys.run(request)
    cases = all_cases(toys.store(request))
    assert {case.held for case in cases} == {("v2",)}
    assert {case.alert.command for case in cases} == {
        f"counterpoint retry toys:failing --backfill v2 --root {toys.root}"
    }


def test_what_heals_by_itself_is_logged_only(toys: Toys) -> None:
    config = {"mood": "flickers", "folder": str(toys.evidence)}
    request = RunRequest("fuses:lamps", "2026-01-03", "run", str(toys.root), config=config, steps=("lamp",))
    assert toys.run(request).status is Status.SUCCESS
    (alert,) = alerts(toys, request).values()
    assert (alert.severity, alert.failure, alert.error) == (Severity.P3, FailureClass.TRANSIENT, "TransientError")
    assert alert.title == "lamps: lamp healed by itself: TransientError"
    assert "attempt 2 ended well after: no light" in alert.detail


def test_what_a_person_redid_did_not_heal_by_itself(toys: Toys) -> None:
    def request(mood: str) -> RunRequest:
        config = {"mood": mood, "folder": str(toys.evidence)}
        return RunRequest("fuses:lamps", "2026-01-03", "run", str(toys.root), config=config, steps=("lamp",))

    with pytest.raises(Exception, match="no light"):
        execute(request("dark"), "lamp", attempt=2)
    execute(request("bright"), "lamp", attempt=3)
    assert [alert.severity for alert in alerts(toys, request("bright")).values()] == [Severity.P0]


@pytest.mark.parametrize(("stages", "held"), [(("production", "hold"), "b"), (("production", "staging"), None)])
def test_a_model_that_is_held_back_is_told(toys: Toys, stages: tuple[str, ...], held: str | None) -> None:
    request = RunRequest("fuses:lamps", "2026-01-03", "run", str(toys.root))
    context = context_of(request, "registered")
    rows: list[dict[str, Any]] = [
        {"model": model, "stage": stage, "reason": f"of {model}"} for model, stage in zip("ab", stages, strict=True)
    ]
    product = Product(context.store.write(context.step, context.key, rows, "0" * 16))
    tell_success(context, product)
    found = alerts(toys, request)
    if held is None:
        assert found == {}
        return
    alert = found["registered"]
    assert (alert.severity, alert.failure) == (Severity.P2, FailureClass.GATE_NOT_PASSED)
    assert (alert.title, alert.detail) == ("lamps: not promoted: b", "b: of b")
