"""The local runner: what becomes of every step, and the record of the run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema
import pytest

from counterpoint.model import RunRecord, Status
from counterpoint.storage import json_digest

if TYPE_CHECKING:
    from conftest import Toys

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/schemas/run.schema.json").read_text(encoding="utf-8"))
# the keys that INTERFACE promises of a run and of a step
RUN = {"run_id", "pipeline", "orchestrator", "orchestrator_version", "date", "version", "status", "started", "ended"}
STEP = {"name", "status", "attempts", "started", "ended", "error", "output", "metrics"}


def ended(record: RunRecord) -> dict[str, tuple[str, int]]:
    return {step.name: (step.status.value, step.attempts) for step in record.steps}


def test_every_step_ends_and_the_run_says_how(toys: Toys) -> None:
    record = toys.run(toys.request("failing"))
    assert record.status is Status.FAILED
    assert ended(record) == {
        "fine": ("success", 1),
        "fails": ("failed", 1),
        "permanent": ("failed", 1),
        "undecided": ("failed", 1),
        "unreached": ("upstream_failed", 0),
        "anyway": ("success", 1),
    }
    assert record.step("permanent").error.type == "SourceError"
    assert record.step("anyway").output.digest == json_digest([3, None])
    assert toys.store(toys.request("failing")).entry("unreached", "2026-01-03") is None


def test_a_record_keeps_its_schema(toys: Toys) -> None:
    request = toys.request("failing")
    document = json.loads(json.dumps(toys.run(request).to_dict()))
    jsonschema.validate(document, SCHEMA, cls=jsonschema.Draft202012Validator)
    assert document == toys.store(request).get_json(f"runs/failing/{request.run_id}/run.json")
    again = RunRecord.from_dict(document)
    assert json.loads(json.dumps(again.to_dict())) == document


def test_the_schema_asks_for_what_is_promised() -> None:
    assert set(SCHEMA["required"]) >= {*RUN, "steps", "lineage"}
    step = SCHEMA["$defs"]["step"]
    assert set(step["required"]) >= STEP
    assert step["properties"]["error"]["anyOf"][1]["required"] == ["type", "message", "where"]
    assert step["properties"]["output"]["anyOf"][1]["required"] == ["uri", "table_version", "rows", "bytes", "digest"]


@pytest.mark.parametrize(
    "wrong", [{"status": "ok"}, {"steps": [{}]}, {"date": "3 January"}, {"extra": 1}, {"lineage": 3}]
)
def test_the_schema_refuses_what_is_wrong(toys: Toys, wrong: dict) -> None:
    document = toys.run(toys.request("failing", steps=("fine",))).to_dict()
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**json.loads(json.dumps(document)), **wrong}, SCHEMA)


def test_killed_and_timed_out_attempts_are_tried_again(toys: Toys) -> None:
    record = toys.run(toys.request("deadly", steps=("dies_once", "hangs_once")))
    assert ended(record) == {"dies_once": ("success", 2), "hangs_once": ("success", 2)}
    assert record.step("dies_once").error is None


def test_only_selected_steps_run(toys: Toys) -> None:
    toys.run(toys.request("failing", steps=("fine",)))
    record = toys.run(toys.request("failing", steps=("fails", "unreached"), run_id="second"))
    assert ended(record) == {"fails": ("failed", 1), "unreached": ("upstream_failed", 0)}
    assert record.step("fails").error.message == "no 3"


def test_a_mapped_step_is_told_as_one(toys: Toys) -> None:
    record = toys.run(toys.request("mapping", steps=("listed", "each", "added")))
    assert ended(record) == {"listed": ("success", 1), "each": ("success", 1), "added": ("success", 1)}
    assert record.step("each").output.kind == "mapped"
    assert record.step("added").output.digest == json_digest(17)


def test_a_mapped_step_fails_with_one_of_its_elements(toys: Toys) -> None:
    record = toys.run(toys.request("mapping", steps=("listed", "each", "added"), config={"items": [1, 0, 5]}))
    assert ended(record)["each"] == ("failed", 1)
    assert ended(record)["added"] == ("upstream_failed", 0)
    assert record.step("each").error.type == "ZeroDivisionError"


def test_nothing_to_map_over_is_no_failure(toys: Toys) -> None:
    record = toys.run(toys.request("mapping", steps=("listed", "each", "added"), config={"items": []}))
    assert {status for status, _ in ended(record).values()} == {"success"}
    assert record.step("added").output.digest == json_digest(0)


def test_elements_that_an_earlier_run_left_do_not_count(toys: Toys) -> None:
    steps = ("listed", "each", "added")
    toys.run(toys.request("mapping", steps=steps))
    toys.run(toys.request("mapping", steps=steps, run_id="fewer", config={"items": [1, 2]}))
    record = toys.run(toys.request("mapping", steps=("added",), run_id="last", config={"items": [1, 2]}, force=True))
    assert record.step("added").output.digest == json_digest(15)


def test_something_to_map_over_that_is_no_list_fails(toys: Toys) -> None:
    record = toys.run(toys.request("mapping", steps=("listed", "each"), config={"items": 3}))
    assert ended(record)["each"] == ("failed", 1)
    assert record.step("each").error.type == "TypeError"


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_branch_that_is_not_selected_still_decides(toys: Toys, side: str) -> None:
    request = toys.request("branches", config={"side": side}, steps=("choice", "left", "right"))
    toys.run(request)
    record = toys.run(replace(request, run_id="again", steps=("left", "right"), force=True))
    assert {step.name for step in record.steps if step.status is Status.SUCCESS} == {side}
    assert {step.status for step in record.steps} == {Status.SUCCESS, Status.SKIPPED}


def test_a_second_run_computes_nothing(toys: Toys) -> None:
    first = toys.run(toys.request("failing", steps=("fine",)))
    again = toys.run(toys.request("failing", steps=("fine",), run_id="again"))
    assert again.step("fine").reused
    assert again.step("fine").output == first.step("fine").output
