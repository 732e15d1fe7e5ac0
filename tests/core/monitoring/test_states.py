"""How the steps of a partition are, by what stands and what was noted: on whatever orchestrator they run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from counterpoint.model import RunRequest, Status
from counterpoint.monitoring.states import Standing, states_of, usual_seconds
from counterpoint.runtime import LocalRun, collect

if TYPE_CHECKING:
    from conftest import Harbour

KEY = "2026-01-06"
TWO = datetime(2026, 1, 7, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def standings(harbour: Harbour, name: str) -> dict[str, str]:
    found = states_of(harbour.store(name), harbour.request(name, KEY))
    return {step: state.standing.value for step, state in found.items()}


def test_nothing_has_begun(harbour: Harbour) -> None:
    assert set(standings(harbour, "nightly").values()) == {"waiting"}


def test_what_stands_has_ended_what_was_noted_runs_and_the_rest_waits(harbour: Harbour) -> None:
    harbour.made("nightly", "landed", KEY, TWO + MINUTE)
    harbour.begun("nightly", "landed", KEY, TWO)
    harbour.begun("nightly", "cleaned", KEY, TWO + MINUTE, "run-7")
    found = states_of(harbour.store("nightly"), harbour.request("nightly", KEY))
    assert {name: state.standing.value for name, state in found.items()} == {
        "landed": "ended",
        "cleaned": "running",
        "counted": "waiting",
        "model": "waiting",
    }
    assert found["landed"].since == TWO + MINUTE
    cleaned = found["cleaned"]
    assert (cleaned.since, cleaned.run_id, cleaned.orchestrator) == (TWO + MINUTE, "run-7", "dagster")


def test_a_step_that_is_to_be_tried_again_runs_and_one_that_is_not_has_failed(harbour: Harbour) -> None:
    harbour.begun("nightly", "landed", KEY, TWO)
    harbour.failed("nightly", "landed", TWO + MINUTE, last=False)
    assert standings(harbour, "nightly")["landed"] == "running"
    harbour.failed("nightly", "landed", TWO + MINUTE, last=True)
    assert standings(harbour, "nightly") == {
        "landed": "failed",
        "cleaned": "upstream_failed",
        "counted": "upstream_failed",
        "model": "upstream_failed",
    }


def test_a_step_that_was_begun_again_after_its_failure_runs(harbour: Harbour) -> None:
    harbour.begun("nightly", "landed", KEY, TWO)
    harbour.failed("nightly", "landed", TWO + MINUTE, last=True)
    harbour.begun("nightly", "landed", KEY, TWO + 2 * MINUTE, "run")
    assert standings(harbour, "nightly")["landed"] == "running"


def test_what_another_run_or_step_failed_with_does_not_count(harbour: Harbour) -> None:
    harbour.begun("nightly", "landed", KEY, TWO)
    harbour.failed("nightly", "landed", TWO + MINUTE, last=True, run="another")
    harbour.failed("nightly", "landed_else", TWO + MINUTE, last=True)
    assert standings(harbour, "nightly")["landed"] == "running"


def test_branches_and_trigger_rules_are_followed_in_a_real_run(harbour: Harbour) -> None:
    request = RunRequest("harbour:branching", KEY, "real", harbour.root)
    store = harbour.store("branching")
    record = collect(store.pipeline, store, request, LocalRun(request).run(), "0")
    told = {step.name: step.status for step in record.steps}
    assert told["never"] is Status.UPSTREAM_FAILED
    assert standings(harbour, "branching") == {
        "judged": "ended",
        "shipped": "skipped",
        "broken": "failed",
        "never": "upstream_failed",
        "report": "ended",
    }


def test_a_mapped_step_has_ended_when_all_its_elements_stand(harbour: Harbour) -> None:
    request = RunRequest("harbour:mapping", KEY, "real", harbour.root)
    assert not LocalRun(request).run().failed
    assert standings(harbour, "mapping") == {"listed": "ended", "each": "ended"}
    harbour.store("mapping").delete(f"catalog/production/mapping/each/{KEY}.2.json")
    assert standings(harbour, "mapping")["each"] == "running"
    harbour.failed("mapping", "each", datetime.now(UTC), last=True, run="real", index=2)
    assert standings(harbour, "mapping")["each"] == "failed"


def test_a_run_into_another_version_is_not_production(harbour: Harbour) -> None:
    request = RunRequest("harbour:nightly", KEY, "trial", harbour.root, version="trial")
    assert not LocalRun(request).run().failed
    assert set(standings(harbour, "nightly").values()) == {"waiting"}


def test_usual_seconds_are_the_median_of_the_last_seven_partitions_before(harbour: Harbour) -> None:
    for day, seconds in enumerate([9999, 9999, 10, 20, 30, 40, 500, 60, 70, 1], 1):
        harbour.made("nightly", "landed", f"2026-01-{day:02}", TWO, seconds)
    store = harbour.store("nightly")
    assert usual_seconds(store, ["landed", "cleaned"], "2026-01-10") == {"landed": 40.0}
    assert usual_seconds(store, ["landed"], "2026-01-01") == {}


def test_usual_seconds_of_a_mapped_step_are_from_its_first_start_to_its_last_end(harbour: Harbour) -> None:
    store = harbour.store("mapping")
    for index, minute in enumerate((0, 4, 2)):
        begins = TWO + minute * MINUTE
        told = {"name": "each", "status": "success"}
        times = {**told, "started": begins.isoformat(), "ended": (begins + MINUTE).isoformat()}
        store.put_json(f"runs/mapping/run/each.{index}.json", times)
        harbour.published("mapping", "each", f"2026-01-05.{index}", "run")
    assert usual_seconds(store, ["each"], KEY) == {"each": 300.0}


def test_an_output_whose_record_is_gone_has_ended_at_an_unknown_time(harbour: Harbour) -> None:
    harbour.published("nightly", "landed", KEY, "gone")
    state = states_of(harbour.store("nightly"), harbour.request("nightly", KEY))["landed"]
    assert (state.standing, state.since) == (Standing.ENDED, None)
    assert usual_seconds(harbour.store("nightly"), ["landed"], "2026-01-07") == {}
