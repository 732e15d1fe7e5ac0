"""What adapters ask core: which steps may run now, and what became of those that did not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from counterpoint.errors import UsageError
from counterpoint.model import Status
from counterpoint.runtime import condition_holds, execute, final_states, find_pipeline, native_request, runnable
from counterpoint.runtime.settings import made_with, note, serve
from counterpoint.storage.objects import Objects
from counterpoint.testing import SCENARIOS

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Toys

S, F, K, U = Status.SUCCESS, Status.FAILED, Status.SKIPPED, Status.UPSTREAM_FAILED
DONE = next(scenario.pipeline for scenario in SCENARIOS if scenario.name == "all_done_trigger")


def test_what_waits_for_a_step_that_will_not_run_may_run(toys: Toys) -> None:
    request = toys.request("failing")
    assert runnable(DONE, request, {}) == ("done_well",)
    assert runnable(DONE, request, {"done_well": S}) == ("done_badly",)
    ended = {"done_well": S, "done_badly": F}
    assert runnable(DONE, request, ended) == ("done_anyway",)
    assert final_states(DONE, request, {**ended, "done_anyway": S, "done_after": S}) == {
        **ended,
        "done_anyway": S,
        "done_never": U,
        "done_strictly": U,
        "done_after": S,
    }


def test_what_is_not_selected_is_not_waited_for(toys: Toys) -> None:
    pipeline = find_pipeline("toys:failing")
    assert runnable(pipeline, toys.request("failing", steps=("unreached",)), {}) == ("unreached",)
    assert final_states(pipeline, toys.request("failing", steps=("unreached",)), {}) == {"unreached": K}


def test_a_condition_is_judged_by_what_the_branch_returned(toys: Toys) -> None:
    request = toys.request("branches")
    made = execute(request, "choice")
    assert condition_holds(request, "left", {"choice": made})
    assert not condition_holds(request, "right", {"choice": made})
    assert condition_holds(request, "choice", {})


def test_a_run_that_the_orchestrator_started_takes_its_root_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COUNTERPOINT_ROOT", str(tmp_path))
    request = native_request("streamrec", "2026-01-03", "scheduled-1", "dagster")
    assert (request.root, request.run_id, request.steps) == (str(tmp_path), "dagster-scheduled-1", None)
    assert not request.scheduled
    assert native_request("streamrec", "2026-01-03", "scheduled-2", "dagster", scheduled=True).scheduled
    monkeypatch.delenv("COUNTERPOINT_ROOT")
    with pytest.raises(UsageError, match="COUNTERPOINT_ROOT is not set, so dagster does not know where data lives"):
        native_request("streamrec", "2026-01-03", "scheduled-1", "dagster")


def test_it_has_the_settings_that_are_served_at_its_first_step(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def config(native_id: str, orchestrator: str = "dagster", **given: Any) -> dict[str, Any]:
        return dict(native_request("streamrec", "2026-01-03", native_id, orchestrator, config=given).config)

    monkeypatch.setenv("COUNTERPOINT_ROOT", str(tmp_path))
    objects, pipeline = Objects(str(tmp_path)), find_pipeline("streamrec")
    assert config("none") == {}
    note(objects, pipeline, pipeline.steps, {"source": "/made"})
    assert config("made") == {"source": "/made"}
    serve(objects, "streamrec", "dagster", {"source": "/served", "seed": 3})
    assert config("served") == {"source": "/served", "seed": 3}
    assert config("by-hand", seed=4) == {"source": "/served", "seed": 4}
    assert config("other", "airflow") == {"source": "/made"}
    serve(objects, "streamrec", "dagster", {"source": "/anew"})
    # one that has begun keeps what it had
    assert (config("served"), config("anew")) == ({"source": "/served", "seed": 3}, {"source": "/anew"})


def test_what_was_noted_is_what_each_step_was_given_last(tmp_path: Path) -> None:
    objects, pipeline = Objects(str(tmp_path)), find_pipeline("streamrec")
    raw = pipeline.step("raw_interactions")
    note(objects, pipeline, (raw,), {"source": "/a", "gate": {}})
    assert made_with(objects, "streamrec") == {"source": "/a"}
    note(objects, pipeline, (raw,), {})
    assert made_with(objects, "streamrec") == {}
