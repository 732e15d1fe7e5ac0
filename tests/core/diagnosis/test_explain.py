"""Why a run failed, from what its steps recorded; nobody else is asked."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from counterpoint.diagnosis.asking import Told
from counterpoint.errors import ServiceError, UsageError
from counterpoint.model import ErrorInfo, NativeRun, NativeStep, RunRequest, Status, StepRecord
from counterpoint.runtime import LocalRun, collect, find_pipeline
from counterpoint.runtime.request_store import keep_request, note_native
from counterpoint.storage import Store
from counterpoint.storage.objects import Objects

if TYPE_CHECKING:
    from conftest import Scene

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/schemas/why.schema.json").read_text(encoding="utf-8"))
SOURCE = (Path(__file__).parent / "mishaps.py").read_text(encoding="utf-8").splitlines()


def only(found: dict[str, Any]) -> dict[str, Any]:
    """The one cause of a failed run."""
    jsonschema.validate(found, SCHEMA)
    assert found["status"] == "failed"
    (cause,) = found["causes"]
    return cause


def place(text: str, function: str) -> str:
    """Where a line of the pipelines' own code stands."""
    (number,) = [number for number, line in enumerate(SOURCE, 1) if text in line]
    return f"{Path(__file__).parent / 'mishaps.py'}:{number} in {function}"


def test_a_bug_is_told_with_its_line_its_inputs_its_log_and_what_it_kept_from_running(scene: Scene) -> None:
    record = scene.run("bug")
    found = scene.why("bug-1")
    cause = only(found)
    assert cause["error"] == {
        "type": "NameError",
        "message": "name 'undefined_name' is not defined",
        "where": place("# noqa: F821", "buggy"),
    }
    assert (cause["step"], cause["partitions"], cause["attempt"], cause["attempts"]) == ("buggy", ["2026-01-03"], 1, 1)
    assert (cause["failure"], cause["severity"], cause["again"]) == ("code_bug", "P0", False)
    assert cause["runbook"] == "docs/explanation/failures.md#code_bug"
    assert cause["inputs"]["fine"]["digest"] == record.step("fine").output.digest
    assert cause["log"][-1].endswith("WARNING mishaps: about to add 3")
    assert cause["not_run"] == ["after"]
    assert found["redo"] == f"counterpoint retry mishaps:bug --run bug-1 --root {scene.root}"


def test_a_breach_of_a_contract_is_bad_data_for_who_owns_the_source(scene: Scene) -> None:
    scene.run("breach")
    cause = only(scene.why("breach-1"))
    assert (cause["error"]["type"], cause["failure"], cause["told"]) == (
        "ContractError",
        "bad_data",
        "the owner of the source",
    )
    assert cause["raised_as"] is None


def test_the_innermost_error_is_the_cause_and_the_outer_one_stands_beside_it(scene: Scene) -> None:
    scene.run("nested")
    cause = only(scene.why("nested-1"))
    assert (cause["error"]["type"], cause["error"]["where"]) == ("ValueError", place("return int(text)", "parse"))
    assert cause["raised_as"]["type"] == "RuntimeError"
    assert cause["raised_as"]["where"] == place("raise RuntimeError", "nests")


def test_elements_that_failed_alike_are_one_cause(scene: Scene) -> None:
    scene.run("mapped", config={"items": [1, 0, 5, 0]})
    cause = only(scene.why("mapped-1"))
    assert (cause["step"], cause["elements"], cause["error"]["type"]) == ("each", [1, 3], "ZeroDivisionError")
    assert cause["not_run"] == ["added"]


def test_a_time_out_is_told_by_the_line_where_it_hung(scene: Scene) -> None:
    scene.run("hanging")
    cause = only(scene.why("hanging-1"))
    assert (cause["failure"], cause["error"]["where"]) == ("timeout", place("# THE LINE", "hangs"))


def test_a_killed_process_is_told_with_each_attempt(scene: Scene) -> None:
    scene.run("killed")
    cause = only(scene.why("killed-1"))
    assert (cause["failure"], cause["attempt"], cause["attempts"]) == ("killed", 2, 2)
    assert "signal 9" in cause["error"]["message"]
    assert cause["error"]["where"] is None  # nobody's line is to blame
    assert [one["attempt"] for one in cause["earlier"]] == [1]


def test_earlier_attempts_stand_beside_the_last(scene: Scene) -> None:
    scene.run("flickering", config={"folder": str(scene.place)})
    cause = only(scene.why("flickering-1"))
    assert (cause["attempt"], cause["attempts"], cause["error"]["message"]) == (3, 3, "the line was busy 3 times")
    assert [(one["attempt"], one["message"]) for one in cause["earlier"]] == [
        (1, "the line was busy 1 times"),
        (2, "the line was busy 2 times"),
    ]


def test_what_healed_is_no_cause(scene: Scene) -> None:
    scene.run("healing", config={"folder": str(scene.place)})
    found = scene.why("healing-1")
    assert (found["status"], found["causes"], found["redo"]) == ("success", [], None)


def test_a_planted_secret_is_told_nowhere(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED_PASSWORD", "swordfish-41")
    scene.run("telling")
    found = scene.why("telling-1")
    assert only(found)["error"]["message"] == "postgresql://ann:***@db: refused ***"
    assert "swordfish-41" not in json.dumps(found)


def test_a_step_that_is_tried_again_is_not_told_as_failed_for_good(scene: Scene) -> None:
    """The run is caught between two attempts: what was recorded of it is put back to then."""
    scene.run("flickering", config={"folder": str(scene.place)})
    objects = Objects(scene.root)
    folder = "runs/flickering/flickering-1"
    objects.delete(f"{folder}/run.json")
    path = f"{folder}/flickers.failures.json"
    objects.put_json(path, {"attempts": objects.get_json(path)["attempts"][:1]})
    found = scene.why("flickering-1")
    jsonschema.validate(found, SCHEMA)
    assert (found["status"], found["causes"][0]["again"], found["redo"]) == ("running", True, None)


def test_a_command_that_was_killed_is_told_with_what_it_was_at(scene: Scene) -> None:
    words = ("run", "mishaps:slow", "--date", "2026-01-03", "--root", scene.root)
    command = subprocess.Popen([sys.executable, "-m", "counterpoint", *words], stderr=subprocess.DEVNULL)
    requests = Path(scene.root, "runs", "slow")
    deadline = time.monotonic() + 60
    while not list(requests.glob("*/request.json")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (run_id,) = [path.name for path in requests.iterdir()]
    assert scene.why(run_id)["status"] == "running"
    os.kill(command.pid, signal.SIGKILL)
    command.wait()
    found = scene.why(run_id)
    jsonschema.validate(found, SCHEMA)
    (cause,) = found["causes"]
    assert (found["status"], cause["step"], cause["failure"], cause["told_by"]) == (
        "interrupted",
        "pauses",
        "killed",
        "store",
    )
    assert (cause["not_run"], f"--run {run_id}" in found["redo"]) == (["follows"], True)


class Served:
    """A run that was submitted to an orchestrator's services and of which no worker has recorded anything."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        request = RunRequest("mishaps:bug", "2026-01-03", "bug-served", scene.root, "dagster")
        objects = Objects(scene.root)
        keep_request(objects, "bug", request, service=True)
        note_native(objects, "bug", request, "0c1d2e3f-native", "/runs/0c1d2e3f-native")

    def why(self, told: Told | None, subject: str = "bug-served") -> dict[str, Any]:
        return self.scene.why(subject, lambda _: told)


@pytest.fixture
def served(scene: Scene) -> Served:
    return Served(scene)


def test_what_no_worker_recorded_is_told_by_the_orchestrator(served: Served) -> None:
    error = ErrorInfo("RunFailure", "its process was killed", failure="killed")
    cause = only(served.why(Told("failed", {"buggy": error})))
    assert (cause["step"], cause["failure"], cause["told_by"]) == ("buggy", "killed", "dagster")
    assert cause["not_run"] == ["after"]


def test_a_run_that_failed_by_itself_has_a_cause_without_a_step(served: Served) -> None:
    error = ErrorInfo("RunFailure", "it never began", failure="orchestrator")
    cause = only(served.why(Told("failed", {"": error})))
    assert (cause["step"], cause["failure"], cause["told"]) == (None, "orchestrator", "the platform team")


def test_a_run_that_goes_on_has_no_cause(served: Served) -> None:
    found = served.why(Told("running", {}))
    jsonschema.validate(found, SCHEMA)
    assert (found["status"], found["causes"], found["redo"]) == ("running", [], None)


def test_services_that_would_have_to_be_asked_and_do_not_run_are_named(served: Served) -> None:
    with pytest.raises(ServiceError, match="counterpoint up dagster"):
        served.why(None)


@pytest.mark.parametrize("subject", ["bug-served", "0c1d2e3f-native", "0c1d2e3f", "bug::bug-served"])
def test_a_run_is_found_by_each_of_its_names(served: Served, subject: str) -> None:
    assert served.why(Told("running", {}), subject)["run_id"] == "bug-served"


@pytest.mark.parametrize(
    ("subject", "said"), [("bug-serves", "did you mean bug-served"), ("../..", "the last ones are"), ("0c1d", "no run")]
)
def test_a_run_that_is_not_there_is_refused_with_near_ones(served: Served, subject: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        served.why(None, subject)


def test_a_name_that_fits_several_runs_is_refused(scene: Scene) -> None:
    for number in (1, 2):
        request = RunRequest("mishaps:bug", "2026-01-03", f"bug-served-{number}", scene.root)
        keep_request(Objects(scene.root), "bug", request, service=False)
    with pytest.raises(UsageError, match="fits 2 runs"):
        scene.why("bug-served")


@pytest.mark.parametrize("subject", ["manual__2026-01-04", "bug::manual__2026-01-04", "airflow-manual__2026-01-04"])
def test_a_run_that_an_orchestrator_began_by_itself_is_told_and_can_be_redone(scene: Scene, subject: str) -> None:
    """Nobody submitted it: what its worker recorded is all that there is."""
    request = RunRequest("mishaps:bug", "2026-01-03", "airflow-manual__2026-01-04", scene.root, "airflow")
    LocalRun(request).run()
    found = scene.why(subject)
    assert only(found)["error"]["type"] == "NameError"
    assert (found["date"], found["orchestrator"]) == ("2026-01-03", "airflow")
    assert found["redo"] == f"counterpoint retry mishaps:bug --run airflow-manual__2026-01-04 --root {scene.root}"
    kept = Objects(scene.root).get_json("runs/bug/airflow-manual__2026-01-04/request.json")
    assert (RunRequest.from_json(kept["request"]), kept["service"]) == (request, True)


def test_an_attempt_that_no_worker_recorded_is_told_beside_those_that_were(scene: Scene) -> None:
    """Its first attempt failed and was recorded; the second was killed, as the run's record says."""
    request = RunRequest(
        "mishaps:flickering", "2026-01-03", "mixed", scene.root, "dagster", config={"folder": str(scene.place)}
    )
    objects = Objects(scene.root)
    LocalRun(request).run()
    path = "runs/flickering/mixed/flickers.failures.json"
    objects.put_json(path, {"attempts": objects.get_json(path)["attempts"][:1]})
    store = Store(scene.root, find_pipeline(request.pipeline))
    native = NativeRun(
        "native-mixed", failed=True, started=None, ended=None, steps={"flickers": NativeStep(Status.FAILED, 2)}
    )
    collect(store.pipeline, store, request, native, "0")
    error = ErrorInfo("RunFailure", "its process was killed", failure="killed")
    cause = only(scene.why("native-mixed", lambda _: Told("failed", {"flickers": error})))
    assert (cause["failure"], cause["attempt"], [one["attempt"] for one in cause["earlier"]]) == ("killed", 2, [1])


def test_a_model_that_the_gate_held_is_told_and_is_no_failure(scene: Scene) -> None:
    pipeline = find_pipeline("mishaps:gated")
    store = Store(scene.root, pipeline)
    decisions = [
        {"model": "ranker", "stage": "hold", "reason": "0.31 does not beat 0.33"},
        {"model": "retriever", "stage": "production", "reason": "it beats the champion"},
    ]
    made = store.write(pipeline.step("decides"), "2026-01-03", decisions, "settings")
    record = StepRecord("decides", Status.SUCCESS, 1, output=made)
    store.put_json("runs/gated/gated-1/decides.json", record.to_dict())
    request = RunRequest("mishaps:gated", "2026-01-03", "gated-1", scene.root)
    native = NativeRun("gated-1", failed=False, started=None, ended=None, steps={"decides": NativeStep(Status.SUCCESS)})
    collect(pipeline, store, request, native, "0")
    found = scene.why("gated-1")
    jsonschema.validate(found, SCHEMA)
    assert (found["status"], found["causes"]) == ("success", [])
    assert found["held"] == [{"model": "ranker", "reason": "0.31 does not beat 0.33"}]
