"""A group in one task: the same records, attempts and statuses as in tasks of their own, and nothing is redone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counterpoint.errors import GroupError, StepKilledError
from counterpoint.model import NativeStep, Status, is_retryable
from counterpoint.runtime import LocalRun, collect, execute, find_pipeline, step_record
from counterpoint.runtime.groups import culprit, execute_group, lost_step, members_of, record_lost, ungrouped
from counterpoint.storage import Store, layout

if TYPE_CHECKING:
    from conftest import Toys

    from counterpoint.model import RunRequest

MEMBERS = ("first", "beside", "second", "third")
DONE, FAILED = NativeStep(Status.SUCCESS, 1), NativeStep(Status.FAILED, 1)


def request_of(toys: Toys, *failing: str, **more: Any) -> RunRequest:
    request = toys.request("windows", **more)
    config = {"folder": request.config["folder"], "failing": list(failing)}
    return replace(request, pipeline="bundles:bundle", config=config)


def failing_group(request: RunRequest, **more: Any) -> GroupError:
    with pytest.raises(GroupError) as caught:
        execute_group(request, "small", {"raw": execute(request, "raw")}, **more)
    return caught.value


def statuses(request: RunRequest, native: NativeStep) -> dict[str, Status]:
    return {name: step.status for name, step in ungrouped(request, {"small": native}).items()}


def test_each_step_has_its_own_record_and_output(toys: Toys) -> None:
    request = request_of(toys)
    made = execute_group(request, "small", {"raw": execute(request, "raw")})
    assert tuple(made) == MEMBERS == members_of(request, "small")
    assert [step_record(request, name)["output"]["digest"] for name in MEMBERS] == [r.digest for r in made.values()]
    assert set(statuses(request, DONE).values()) == {Status.SUCCESS}
    assert execute(request, "told", {}).digest, "the reader finds by the records what no task passed on"
    assert not step_record(request, "told")["reused"]


def test_a_failed_step_holds_back_those_after_it_alone(toys: Toys) -> None:
    request = request_of(toys, "second")
    error = failing_group(request)
    assert not is_retryable(error)
    assert "second: RuntimeError: second fails at attempt 3" in str(error)
    ended = ungrouped(request, {"small": FAILED})
    assert {name: (step.status, step.attempts) for name, step in ended.items()} == {
        "first": (Status.SUCCESS, 1),
        "second": (Status.FAILED, 3),
        "beside": (Status.SUCCESS, 1),
        "third": (Status.UPSTREAM_FAILED, 0),
    }
    assert culprit(request, "small") == "second"
    assert culprit(request, "raw") == "raw"
    told = execute(request, "told", {})
    context = Store(request.root, find_pipeline(request.pipeline), request.version)
    assert context.read(told)[1] is None


def test_a_task_that_is_tried_again_redoes_no_step_that_succeeded(toys: Toys) -> None:
    request = request_of(toys, "second", force=True)
    failing_group(request)
    healed = replace(request, config={**request.config, "failing": []})
    execute_group(healed, "small", {"raw": execute(healed, "raw")}, again=True)
    assert (toys.calls("first"), toys.calls("beside")) == (1, 1)
    assert step_record(healed, "second")["attempts"] == 4
    assert set(statuses(healed, DONE).values()) == {Status.SUCCESS}


def test_a_task_that_begins_anew_forgets_what_the_last_one_recorded(toys: Toys) -> None:
    request = request_of(toys, force=True)
    execute_group(request, "small", {"raw": execute(request, "raw")})
    worse = replace(request, config={**request.config, "failing": ["first"]})
    failing_group(worse)
    assert toys.calls("first") == 2
    assert statuses(worse, FAILED) == {
        "first": Status.FAILED,
        "second": Status.UPSTREAM_FAILED,
        "beside": Status.SUCCESS,
        "third": Status.UPSTREAM_FAILED,
    }
    assert not step_record(worse, "third")


def test_only_the_selected_steps_are_executed(toys: Toys) -> None:
    failing = request_of(toys, "third")
    failing_group(failing)
    retry = replace(request_of(toys), run_id="retry", steps=("third", "told"))
    made = execute_group(retry, "small", {})
    assert tuple(made) == ("third",)
    assert toys.calls("second") == 1
    assert statuses(retry, DONE) == {"third": Status.SUCCESS}


def test_a_lost_task_was_executing_the_first_step_without_a_record(toys: Toys) -> None:
    request = request_of(toys)
    made = execute(request, "raw")
    execute(request, "first", {"raw": made})
    execute(request, "beside", {"raw": made})
    assert lost_step(request, "small") == culprit(request, "small") == "second"
    ended = ungrouped(request, {"small": FAILED})
    assert [ended[name].status for name in MEMBERS] == [
        Status.SUCCESS,
        Status.SUCCESS,
        Status.FAILED,
        Status.UPSTREAM_FAILED,
    ]
    record_lost(request, "small", StepKilledError("killed"))
    assert step_record(request, "second")["error"]["type"] == "StepKilledError"
    assert lost_step(request, "small") is None


def test_a_task_that_did_not_run_says_the_same_of_all_its_steps(toys: Toys) -> None:
    request = request_of(toys)
    native = NativeStep(Status.UPSTREAM_FAILED, 0)
    assert set(statuses(request, native).values()) == {Status.UPSTREAM_FAILED}


def of_group(request: RunRequest, *, failing: bool) -> dict[str, tuple[Status, int]]:
    raw = execute(request, "raw")
    try:
        execute_group(request, "small", {"raw": raw})
    except GroupError:
        assert failing
    native = FAILED if failing else DONE
    return {n: (s.status, s.attempts) for n, s in ungrouped(request, {"small": native}).items()}


@given(failing=st.sets(st.sampled_from(MEMBERS)))
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_group_ends_as_the_local_runner_ends_its_steps(toys: Toys, failing: set[str]) -> None:
    name = "-".join(sorted(failing)) or "none"
    ours = replace(request_of(toys, *sorted(failing)), run_id=f"ours-{name}", version=f"ours-{name}")
    theirs = replace(ours, run_id=f"theirs-{name}", version=f"theirs-{name}")
    grouped = of_group(ours, failing=bool(failing))
    pipeline = find_pipeline(theirs.pipeline)
    record = collect(
        pipeline, Store(theirs.root, pipeline, theirs.version), theirs, LocalRun(theirs).run(), "the present one"
    )
    assert grouped == {name: (record.step(name).status, record.step(name).attempts) for name in MEMBERS}


def test_the_records_of_failed_attempts_are_those_of_each_step(toys: Toys) -> None:
    request = request_of(toys, "second")
    failing_group(request)
    store = Store(request.root, find_pipeline(request.pipeline), request.version)
    kept = store.get_json(layout.step_failures("bundle", request.run_id, "second"))
    assert [(attempt["attempt"], attempt["last"]) for attempt in kept["attempts"]] == [
        (1, False),
        (2, False),
        (3, True),
    ]
