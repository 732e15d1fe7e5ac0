"""One step: what it leaves when it succeeds, when it fails, and when what it would make stands already."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from counterpoint.errors import MissingInputError, SourceError, StepError, UsageError
from counterpoint.model import Status, StepRecord
from counterpoint.runtime import describe, elements, execute, find_pipeline
from counterpoint.storage import json_digest
from counterpoint.storage.versions import promote

if TYPE_CHECKING:
    from conftest import Toys


def record(toys: Toys, request, step: str) -> StepRecord:
    return StepRecord.from_dict(
        toys.store(request).get_json(f"runs/{request.pipeline[5:]}/{request.run_id}/{step}.json")
    )


def test_a_step_is_published_and_recorded(toys: Toys) -> None:
    request = toys.request("windows")
    made = execute(request, "source")
    assert (made.step, made.partition, made.kind, made.digest) == ("source", "2026-01-03", "value", json_digest(4))
    assert toys.store(request).read(made) == 4
    entry = toys.store(request).entry("source", "2026-01-03")
    assert (entry.reference, entry.run_id) == (made, request.run_id)
    told = record(toys, request, "source")
    assert (told.status, told.attempts, told.output, told.reused) == (Status.SUCCESS, 1, made, False)
    assert told.started < told.ended
    assert told.cpu_seconds >= 0
    assert told.peak_memory > 1_000_000


def test_what_stands_and_is_fresh_is_not_computed_again(toys: Toys) -> None:
    first = execute(toys.request("windows"), "source")
    again = toys.request("windows", run_id="again")
    assert execute(again, "source") == first
    assert toys.calls("source-2026-01-03") == 1
    assert record(toys, again, "source").reused
    assert execute(replace(again, force=True), "source") == first
    assert toys.calls("source-2026-01-03") == 2


def test_another_setting_is_computed(toys: Toys) -> None:
    execute(toys.request("windows"), "source")
    execute(toys.request("windows", config={"number": 9}), "source")
    assert toys.calls("source-2026-01-03") == 2


def test_a_version_reuses_what_is_fresh_in_production_and_keeps_it(toys: Toys) -> None:
    made = execute(toys.request("windows"), "source")
    trial = toys.request("windows", version="trial", run_id="trial")
    assert execute(trial, "source") == made
    assert toys.calls("source-2026-01-03") == 1
    assert record(toys, trial, "source").reused
    execute(toys.request("windows", config={"number": 9}, run_id="later"), "source")
    kept = toys.store(trial).own_entry("source", "2026-01-03")
    assert (kept.reference, kept.run_id) == (made, toys.request("windows").run_id)


def test_a_version_computes_what_is_forced_or_other_than_in_production(toys: Toys) -> None:
    made = execute(toys.request("windows"), "source")
    forced = execute(toys.request("windows", version="trial", force=True), "source")
    assert (forced.digest, forced.uri) == (made.digest, made.uri.replace("/production/", "/trial/"))
    execute(toys.request("windows", version="other", config={"number": 9}), "source")
    assert toys.calls("source-2026-01-03") == 3
    assert toys.store(toys.request("windows")).entry("source", "2026-01-03").reference == made


def test_a_step_is_not_published_into_a_version_that_was_promoted(toys: Toys) -> None:
    trial = toys.request("windows", version="trial")
    execute(trial, "source")
    promote(toys.store(trial))
    assert execute(trial, "source").partition == "2026-01-03"
    with pytest.raises(UsageError, match="version trial of windows was promoted, so it stays as it is: choose another"):
        execute(replace(trial, force=True), "source")
    with pytest.raises(UsageError, match="choose another tag"):
        execute(toys.request("windows", "2026-01-04", version="trial"), "source")


def test_a_failed_step_publishes_nothing_and_says_where(toys: Toys) -> None:
    request = toys.request("failing")
    given = {"fine": execute(request, "fine")}
    with pytest.raises(ValueError, match="no 3"):
        execute(request, "fails", given, attempt=2)
    assert toys.store(request).entry("fails", "2026-01-03") is None
    told = record(toys, request, "fails")
    assert (told.status, told.attempts, told.output) == (Status.FAILED, 2, None)
    assert (told.error.type, told.error.message, told.error.retryable) == ("ValueError", "no 3", False)
    assert told.error.where.split("/")[-1].startswith("toys.py:")
    assert told.error.where.endswith("in fails")


def test_what_stood_before_a_failure_still_stands(toys: Toys) -> None:
    request = toys.request("windows")
    stood = execute(request, "source")
    with pytest.raises(TypeError):
        execute(toys.request("windows", config={"number": "x"}), "source")
    assert toys.store(request).entry("source", "2026-01-03").reference == stood


def test_a_choice_that_is_not_declared_is_refused(toys: Toys) -> None:
    request = toys.request("failing")
    with pytest.raises(StepError, match="chose 'c', which is none of its declared choices a, b"):
        execute(request, "undecided", {"fine": execute(request, "fine")})


def test_an_input_that_failed_is_none_and_one_that_is_not_selected_must_stand(toys: Toys) -> None:
    request = toys.request("failing")
    fine = execute(request, "fine")
    assert toys.store(request).read(execute(request, "anyway", {"fine": fine})) == [3, None]
    with pytest.raises(MissingInputError, match="needs fails, which does not stand: make it first: 'counterpoint run"):
        execute(replace(request, steps=("anyway",)), "anyway")


def test_a_window_that_is_incomplete_names_what_is_missing(toys: Toys) -> None:
    request = toys.request("windows")
    execute(request, "source")
    with pytest.raises(MissingInputError, match=r"of t-1\.\.t, but these are missing: 2026-01-02; make them"):
        execute(request, "recent")
    execute(toys.request("windows", "2026-01-02"), "source")
    days = toys.store(request).read(execute(request, "recent"))
    assert days == {"2026-01-02": 3, "2026-01-03": 4}


def test_elements_of_a_mapped_step(toys: Toys) -> None:
    request = toys.request("mapping")
    given = {"listed": execute(request, "listed")}
    assert elements(request, "each", given) == 3
    made = [execute(request, "each", given, index=index) for index in range(3)]
    assert [reference.partition for reference in made] == [f"2026-01-03.{index}" for index in range(3)]
    assert toys.store(request).read(execute(request, "added", {"each": made})) == 17


def test_pipelines_are_found_by_name(toys: Toys) -> None:
    assert find_pipeline("toys:windows").name == "windows"
    assert find_pipeline("streamrec").name == "streamrec"
    with pytest.raises(UsageError, match="no pipeline is called 'streamrek': did you mean 'streamrec'"):
        find_pipeline("streamrek")
    with pytest.raises(UsageError, match="toys:NOW is a RetryPolicy, not a Pipeline"):
        find_pipeline("toys:NOW")


def test_a_long_message_is_cut() -> None:
    told = describe(SourceError("x" * 10_000))
    assert len(told.message) < 4100
    assert told.message.endswith("(6000 characters more)")
    assert (told.retryable, told.where) == (False, None)
