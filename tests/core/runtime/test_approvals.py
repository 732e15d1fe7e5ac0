"""Approvals: a step waits for a person, who is recorded; they are for the inputs of a run, and survive restarts."""

from __future__ import annotations

import getpass
import json
import logging
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counterpoint.cli.main import main
from counterpoint.errors import DefinitionError, RejectedError, UsageError
from counterpoint.lineage import keep_whole
from counterpoint.model import Pipeline, RunRecord, RunRequest, Status, approval, marker, step
from counterpoint.model.serial import pipeline_from, to_values
from counterpoint.runtime import LocalRun, collect, context_of, find_pipeline
from counterpoint.runtime.approvals import Responder, decide, decisions_of, inputs_of, pending
from counterpoint.runtime.execute import execute
from counterpoint.runtime.request_store import keep_request
from counterpoint.runtime.waits import admit, held, look
from counterpoint.storage import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMAS = Path(__file__).parents[3] / "docs" / "schemas"
DAY = "2026-01-03"
ANNA = Responder("anna", "command", "anna", "desk")


def fits(document: Any, schema: str) -> None:
    described = json.loads((SCHEMAS / f"{schema}.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(document, described, cls=jsonschema.Draft202012Validator)


def request_of(root: Path, pipeline: str = "guarded", **more: Any) -> RunRequest:
    return RunRequest(f"consent:{pipeline}", DAY, more.pop("run_id", f"run-of-{pipeline}"), str(root), **more)


def store_of(request: RunRequest) -> Store:
    return Store(request.root, find_pipeline(request.pipeline))


def run(request: RunRequest) -> RunRecord:
    store = store_of(request)
    keep_request(store, store.pipeline.name, request, service=False)
    native = LocalRun(request, parallel=1).run()
    keep_whole(store, store.pipeline, request)
    return collect(store.pipeline, store, request, native, "0")


@contextmanager
def waiting(request: RunRequest) -> Iterator[Any]:
    """A run of which a step waits for an approval, as a future."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(run, request)
        while not pending(store_of(request)) and not future.done():
            time.sleep(0.01)
        yield future


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    capsys.readouterr()
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def states(record: RunRecord) -> dict[str, str]:
    return {step.name: step.status.value for step in record.steps}


def test_a_step_waits_for_a_person_who_is_recorded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    request = request_of(tmp_path)
    root = ["--root", str(tmp_path)]
    with caplog.at_level("WARNING", "counterpoint"), waiting(request) as future:
        (asked,) = answer(capsys, "approve", "--list", *root)["pending"]
        assert (asked["step"], asked["by"], asked["note"]) == ("published", ["risk", "anna"], "look at the figures")
        assert asked["command"] == f"counterpoint approve {request.run_id} published --by risk --root {tmp_path}"
        assert any(asked["command"] in text for text in caplog.messages)
        status = answer(capsys, "status", request.pipeline, *root)
        fits(status, "status")
        assert status["waiting"][0]["approval"]["digest"] == asked["digest"]
        assert not future.done()
        told = answer(capsys, *asked["command"].split()[1:])
        record = future.result(60)
    fits(told, "approve")
    decision = told["decision"]
    assert (decision["by"], decision["login"], decision["host"]) == ("risk", getpass.getuser(), socket.gethostname())
    assert (decision["via"], decision["approved"], decision["digest"]) == ("command", True, asked["digest"])
    assert decision["inputs"] == {"figures": record.step("figures").output.digest}
    assert states(record)["told"] == "success"
    assert record.step("published").details["approval"] == decision
    lineage = answer(capsys, "lineage", request.run_id, *root)
    fits(lineage, "lineage")
    assert lineage["approvals"] == {"published": [decision]}
    assert answer(capsys, "approve", "--list", *root) == {"pending": []}
    why = answer(capsys, "why", request.run_id, *root)
    fits(why, "why")
    assert why["approvals"] == {"published": [decision]}


def test_a_rejection_fails_the_step_for_good_with_its_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    request = request_of(tmp_path)
    words = ["approve", request.run_id, "published", "--root", str(tmp_path), "--by", "anna", "--reject"]
    with waiting(request) as future:
        assert main(words) == 2  # a reason is missing
        assert main([*words, "--reason", "twice as much as ever"]) == 0
        record = future.result(60)
    assert states(record) == {
        "figures": "success",
        "published": "failed",
        "told": "upstream_failed",
        "closed": "success",
    }
    error = record.step("published").error
    assert (error.type, error.failure, error.retryable) == ("RejectedError", "rejected", False)
    assert error.message.startswith("step published of 2026-01-03 was rejected by anna at ")
    assert error.message.endswith(": twice as much as ever")
    assert record.step("published").attempts == 1
    why = answer(capsys, "why", request.run_id, "--root", str(tmp_path))
    fits(why, "why")
    assert (why["causes"][0]["failure"], why["approvals"]["published"][0]["by"]) == ("rejected", "anna")
    with pytest.raises(RejectedError):  # also when its task is cleared
        admit(request, "published")


def test_a_retry_after_a_rejection_asks_again(tmp_path: Path) -> None:
    first = request_of(tmp_path)
    with waiting(first) as future:
        decide(store_of(first), ("guarded", first.run_id), "published", ANNA, approved=False, reason="no")
        assert future.result(60).status is Status.FAILED
    again = request_of(tmp_path, run_id="again", origin=first.run_id)
    with waiting(again) as future:
        (asked,) = pending(store_of(again))
        assert (asked["run_id"], asked["origin"]) == ("again", first.run_id)
        decide(store_of(again), ("guarded", "again"), "published", ANNA, approved=True)
        assert future.result(60).status is Status.SUCCESS
    assert [d.approved for d in decisions_of(store_of(first), "guarded", first.run_id, "published")] == [False, True]


def test_an_approval_holds_in_a_retry_of_the_same_inputs_alone(tmp_path: Path) -> None:
    folder = {"folder": str(tmp_path)}
    first = request_of(tmp_path, "anyone", config=folder)
    with waiting(first) as future:
        decide(store_of(first), ("anyone", first.run_id), "sent", ANNA, approved=True)
        assert future.result(60).step("sent").error.type == "TransientError"
    (tmp_path / "ready").touch()
    same = replace(first, run_id="same", origin=first.run_id)
    assert run(same).status is Status.SUCCESS
    other = replace(first, run_id="other", origin=first.run_id, config={**folder, "factor": 3})
    with waiting(other) as future:
        assert not future.done()
        decide(store_of(other), ("anyone", "other"), "sent", ANNA, approved=True)
        assert future.result(60).status is Status.SUCCESS
    with waiting(replace(first, run_id="new")) as future:  # another run, and no retry
        assert not future.done()
        decide(store_of(first), ("anyone", "new"), "sent", ANNA, approved=True)
        assert future.result(60).status is Status.SUCCESS


def test_inputs_that_change_after_the_approval_need_a_new_one(tmp_path: Path) -> None:
    request = request_of(tmp_path, "anyone", steps=("sent",), config={"folder": str(tmp_path)})
    (tmp_path / "ready").touch()
    figures = replace(request, run_id="figures", steps=("figures",))
    run(figures)
    assert look(request, "sent") is not None
    decide(store_of(request), ("anyone", request.run_id), "sent", ANNA, approved=True)
    assert look(request, "sent") is None
    run(replace(figures, config={"factor": 9, "folder": str(tmp_path)}, run_id="changed"))
    assert (
        look(request, "sent").approval.digest
        != decisions_of(store_of(request), "anyone", request.run_id, "sent")[0].digest
    )
    with pytest.raises(Exception, match="is not approved for the inputs that it has now"):
        execute(request, "sent")


def test_nothing_runs_without_an_approval(tmp_path: Path) -> None:
    request = request_of(tmp_path)
    run(replace(request, steps=("figures",)))
    with pytest.raises(Exception, match="is not approved"):
        execute(replace(request, steps=("published",)), "published")
    assert store_of(request).entry("published", DAY) is None


def test_an_answer_that_does_not_come_fails_the_step(tmp_path: Path) -> None:
    record = run(request_of(tmp_path, "unanswered"))
    error = record.step("forgotten").error
    assert (error.failure, error.retryable) == ("missing_input", False)
    assert "s for approval of inputs sha256:" in error.message
    assert pending(store_of(request_of(tmp_path, "unanswered"))) == []


def test_a_mapped_step_is_approved_as_a_whole(tmp_path: Path) -> None:
    request = request_of(tmp_path, "mapped")
    with waiting(request) as future:
        (asked,) = pending(store_of(request))
        decide(store_of(request), ("mapped", request.run_id), "kept", ANNA, approved=True)
        record = future.result(60)
    assert record.status is Status.SUCCESS
    assert asked["inputs"].keys() == {"doubled"}
    assert record.step("kept").details["approval"]["by"] == "anna"


def test_who_may_not_approve_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = request_of(tmp_path)
    words = ["approve", request.run_id, "published", "--root", str(tmp_path)]
    with waiting(request) as future:
        assert main([*words, "--by", "bob"]) == 2
        assert "needs the approval of risk or anna, not of bob" in capsys.readouterr().err
        assert main([*words[:2], "told", *words[3:], "--by", "risk"]) == 2
        assert "does not wait for an approval; of this run these steps do: published" in capsys.readouterr().err
        assert main(["approve", "nothing", "published", "--root", str(tmp_path)]) == 2
        assert "no run is called 'nothing'" in capsys.readouterr().err
        assert main([*words, "--by", "risk"]) == 0
        future.result(60)
    assert main([*words, "--by", "risk"]) == 2
    assert "was approved by risk at " in capsys.readouterr().err


def test_of_two_decisions_at_once_one_counts(tmp_path: Path) -> None:
    request = request_of(tmp_path)
    run(replace(request, steps=("figures",)))
    assert look(request, "published") is not None

    def answered(approved: bool) -> bool:  # noqa: FBT001
        try:
            decide(store_of(request), ("guarded", request.run_id), "published", ANNA, approved=approved, reason="x")
        except UsageError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(answered, [True, False] * 8)) == 1
    assert len(decisions_of(store_of(request), "guarded", request.run_id, "published")) == 1


def test_the_wait_goes_on_after_a_restart(tmp_path: Path) -> None:
    request = request_of(tmp_path)
    run(replace(request, steps=("figures",)))
    first = look(request, "published")
    assert held(request)["published"]["approval"]["by"] == ["risk", "anna"]
    again = look(request, "published")
    assert (first.since, first.until, first.approval.digest) == (again.since, again.until, again.approval.digest)
    decide(store_of(request), ("guarded", request.run_id), "published", ANNA, approved=True)
    assert admit(request, "published") is None


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(factors=st.lists(st.integers(-(10**6), 10**6), min_size=2, max_size=2))
def test_the_digest_is_that_of_the_content(tmp_path_factory: pytest.TempPathFactory, factors: list[int]) -> None:
    digests = []
    for factor in factors:
        request = request_of(tmp_path_factory.mktemp("root"), config={"factor": factor})
        execute(replace(request, steps=("figures",)), "figures")
        digests.append(inputs_of(context_of(replace(request, steps=("published",)), "published")))
    assert (digests[0] == digests[1]) == (factors[0] == factors[1])


def test_an_approval_is_described_and_read_back() -> None:
    pipeline = find_pipeline("consent:guarded")
    assert pipeline_from(json.loads(json.dumps(to_values(pipeline)))) == pipeline
    assert approval(by="risk") == approval(by=("risk",))
    assert approval(by=("risk", "anna")).of(DAY) == "approval by risk or anna"


@pytest.mark.parametrize(
    ("waits", "words"),
    [
        (lambda: (approval(), approval(by=("x",))), "waits for several approvals"),
        (lambda: (replace(marker("m"), by=("x",)),), "of an approval alone"),
    ],
)
def test_what_makes_no_sense_is_refused(waits: Any, words: str) -> None:
    with pytest.raises(DefinitionError, match=words):
        Pipeline("p", (step("consent:figures", waits=waits()),), config={"factor": 1})


def test_a_quiet_command_still_says_that_a_person_is_needed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    request = request_of(tmp_path)
    run(replace(request, steps=("figures",)))
    with caplog.at_level(logging.WARNING, "counterpoint"):
        look(request, "published")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
