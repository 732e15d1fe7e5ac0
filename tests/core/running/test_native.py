"""What adapters ask core: which steps may run now, and what became of those that did not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from counterpoint.errors import UsageError
from counterpoint.model import Status
from counterpoint.running import condition_holds, execute, find_pipeline, native_request, runnable, settled
from counterpoint.testing import SCENARIOS

if TYPE_CHECKING:
    from conftest import Toys

S, F, K, U = Status.SUCCESS, Status.FAILED, Status.SKIPPED, Status.UPSTREAM_FAILED
DONE = next(scenario.pipeline for scenario in SCENARIOS if scenario.name == "all_done_trigger")


def test_what_waits_for_a_step_that_will_not_run_may_run(toys: Toys) -> None:
    request = toys.request("failing")
    assert runnable(DONE, request, {}) == ("done_well",)
    assert runnable(DONE, request, {"done_well": S}) == ("done_badly",)
    ended = {"done_well": S, "done_badly": F}
    assert runnable(DONE, request, ended) == ("done_anyway",)
    assert settled(DONE, request, {**ended, "done_anyway": S, "done_after": S}) == {
        **ended,
        "done_anyway": S,
        "done_never": U,
        "done_strictly": U,
        "done_after": S,
    }


def test_what_is_not_selected_is_not_waited_for(toys: Toys) -> None:
    pipeline = find_pipeline("toys:failing")
    assert runnable(pipeline, toys.request("failing", steps=("unreached",)), {}) == ("unreached",)
    assert settled(pipeline, toys.request("failing", steps=("unreached",)), {}) == {"unreached": K}


def test_a_condition_is_judged_by_what_the_branch_returned(toys: Toys) -> None:
    request = toys.request("branches")
    made = execute(request, "choice")
    assert condition_holds(request, "left", {"choice": made})
    assert not condition_holds(request, "right", {"choice": made})
    assert condition_holds(request, "choice", {})


def test_a_run_that_the_orchestrator_started_takes_its_root_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COUNTERPOINT_ROOT", "s3://bucket/root")
    request = native_request("streamrec", "2026-01-03", "scheduled-1", "dagster")
    assert (request.root, request.run_id, request.steps) == ("s3://bucket/root", "dagster-scheduled-1", None)
    assert not request.scheduled
    assert native_request("streamrec", "2026-01-03", "scheduled-1", "dagster", scheduled=True).scheduled
    monkeypatch.delenv("COUNTERPOINT_ROOT")
    with pytest.raises(UsageError, match="COUNTERPOINT_ROOT is not set, so dagster does not know where data lives"):
        native_request("streamrec", "2026-01-03", "scheduled-1", "dagster")
