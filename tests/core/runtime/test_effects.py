"""Effects: run once in every run, told how the steps before them ended, and left out where nobody asked for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from counterpoint.errors import DefinitionError, UsageError
from counterpoint.model import OutputKind, Pipeline, Status, step
from counterpoint.runtime import Freshness, context_of, execute, find_pipeline, freshness

if TYPE_CHECKING:
    from conftest import Toys


def test_an_effect_is_the_default_of_a_step_without_an_output() -> None:
    found = {one.name: (one.effect, one.output.kind) for one in find_pipeline("toys:telling").steps}
    assert found == {
        "flaky": (False, OutputKind.VALUE),
        "post": (True, OutputKind.VALUE),
        "notify": (True, OutputKind.NONE),
    }
    (sent,) = Pipeline("tells", (step("toys:fine", output=None),), config={"number": 1}).steps
    assert sent.effect
    assert sent.output.kind is OutputKind.NONE


def test_who_asks_for_a_key_must_be_an_effect() -> None:
    with pytest.raises(DefinitionError, match="effect=True"):
        Pipeline("tells", (step("toys:notify", effect=False),), config={"folder": ""})


def test_an_effect_runs_in_every_run_and_is_told_what_failed(toys: Toys) -> None:
    for number in (1, 2, 3, 4):
        record = toys.run(toys.request("telling", run_id=f"run{number}"))
        assert record.step("notify").status is Status.SUCCESS
    notes = (toys.evidence / "notes").read_text().splitlines()
    assert [line.split(" ", 1)[1] for line in notes] == [
        *(["failed no route to the bank"] * 2),
        *(["success None"] * 2),
    ]
    assert len({line.split()[0] for line in notes}) == 4  # a key for each run


def test_a_retry_does_not_run_again_what_ended_well_and_keeps_the_key_of_what_did_not(toys: Toys) -> None:
    toys.run(toys.request("telling", steps=("flaky",), run_id="before"))
    toys.run(toys.request("telling", steps=("flaky",), run_id="before2"))
    first = toys.run(toys.request("telling", run_id="first"))
    assert (first.step("post").status, first.step("notify").status) == (Status.FAILED, Status.SUCCESS)
    again = toys.run(toys.request("telling", run_id="second", origin="first"))
    assert (again.step("post").status, again.step("notify").status) == (Status.SUCCESS, Status.SUCCESS)
    assert again.step("notify").reused
    assert not again.step("post").reused
    assert (toys.calls("post"), toys.calls("notify")) == (2, 1)
    assert len(list(toys.evidence.glob("key-*"))) == 1
    toys.run(toys.request("telling", run_id="third"))
    assert (toys.calls("post"), toys.calls("notify")) == (3, 2)


def test_a_version_has_no_effects_unless_they_are_asked_for(toys: Toys) -> None:
    record = toys.run(toys.request("telling", version="b1", run_id="a"))
    record = toys.run(toys.request("telling", version="b1", run_id="b"))
    record = toys.run(toys.request("telling", version="b1", run_id="c"))
    assert record.step("post").status is Status.SKIPPED
    assert record.step("post").details["reason"] == "effects are not run in version b1: ask for them by --effects"
    assert record.step("notify").status is Status.SKIPPED
    assert toys.calls("post") == toys.calls("notify") == 0
    asked = toys.request("telling", version="b1", run_id="d", effects=True)
    toys.run(asked)
    assert toys.calls("notify") == 1
    # in a version every run makes the same: what ended well is not done again by the next
    toys.run(toys.request("telling", version="b1", run_id="e", effects=True))
    assert toys.calls("notify") == 1


def test_whoever_executes_an_effect_that_is_held_back_is_refused(toys: Toys) -> None:
    with pytest.raises(UsageError, match="must not be run: effects are not run in version b1"):
        execute(toys.request("telling", version="b1"), "notify")
    assert toys.calls("notify") == 0


def test_an_effect_is_neither_fresh_nor_stale(toys: Toys) -> None:
    request = toys.request("telling", steps=())
    assert freshness(context_of(request, "notify")) is Freshness.MISSING
    toys.run(toys.request("telling"))
    assert freshness(context_of(request, "notify")) is Freshness.EFFECT
