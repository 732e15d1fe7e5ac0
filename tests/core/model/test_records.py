"""What passes between processes survives JSON, and a reference stays small."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.model import (
    ArtifactRef,
    ErrorInfo,
    Materialization,
    Pipeline,
    RunRecord,
    RunRequest,
    Status,
    Step,
    StepRecord,
)
from counterpoint.model.serial import pipeline_from, step_from, to_values
from counterpoint.testing import SCENARIOS
from streamrec.pipeline import pipeline as streamrec

DIGEST = "sha256:" + "0123456789abcdef" * 4
REFERENCE = ArtifactRef(
    "training_features", "2026-01-03", "table", "s3://bucket/data/tables/x", 500, 10**9, 10**12, DIGEST
)
STEP = StepRecord(
    "a",
    Status.FAILED,
    2,
    "2026-01-03T00:00:00+00:00",
    None,
    ErrorInfo("ValueError", "no", "steps.py:3 in f", retryable=False),
    REFERENCE,
    {"loss": 0.5},
    reused=True,
    cpu_seconds=1.5,
    peak_memory=10**9,
    checks=({"name": "rows", "passed": True},),
    details={"kept": 3},
)
RECORD = RunRecord(
    "r",
    "p",
    "local",
    "0.1.0",
    "2026-01-03",
    "production",
    Status.FAILED,
    None,
    None,
    (STEP, StepRecord("b", Status.SKIPPED)),
    "file:///lineage.json",
    ({"date": "2026-01-02", "run_id": "q", "steps": []},),
)


def through_json(values: Any) -> Any:
    return json.loads(json.dumps(values))


def test_records_survive_json() -> None:
    assert ArtifactRef.from_dict(through_json(REFERENCE.to_dict())) == REFERENCE
    entry = Materialization(REFERENCE, "f", {"a": DIGEST}, "s", "c", "r", {"user_id": "String"})
    assert Materialization.from_dict(through_json(entry.to_dict())) == entry
    assert StepRecord.from_dict(through_json(STEP.to_dict())) == STEP
    assert RunRecord.from_dict(through_json(RECORD.to_dict())) == RECORD


def test_a_record_finds_its_steps() -> None:
    assert RECORD.step("a") is STEP
    with pytest.raises(KeyError, match="c"):
        RECORD.step("c")


@given(
    st.text(),
    st.none() | st.lists(st.text()).map(tuple),
    st.dictionaries(st.text(), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists)),
    st.booleans(),
    st.booleans(),
)
def test_a_request_survives_json(
    name: str,
    steps: tuple[str, ...] | None,
    config: dict,
    force: bool,  # noqa: FBT001
    scheduled: bool,  # noqa: FBT001
) -> None:
    request = RunRequest(name, "2026-01-03", "r", "/data", "dagster", "v", steps, config, force, scheduled)
    assert RunRequest.from_json(request.to_json()) == request
    assert "\n" not in request.to_json()


def test_no_steps_are_not_all_steps() -> None:
    nothing, everything = (RunRequest("p", "d", "r", "root", steps=steps) for steps in ((), None))
    assert not nothing.selects("a")
    assert everything.selects("a")
    assert not RunRequest.from_json(nothing.to_json()).selects("a")


def test_a_reference_stays_below_500_bytes_whatever_it_refers_to() -> None:
    assert len(json.dumps(REFERENCE.to_dict())) < 500


@pytest.mark.parametrize("pipeline", [streamrec, *(s.pipeline for s in SCENARIOS)], ids=lambda p: p.name)
def test_a_pipeline_survives_json(pipeline: Pipeline) -> None:
    assert pipeline_from(through_json(to_values(pipeline))) == pipeline


def test_every_property_of_a_step_survives_json() -> None:
    step = Step("a", "m:f", timeout=timedelta(milliseconds=1500), freshness=timedelta(days=2), observe="m:g", pool="x")
    assert step_from(through_json(to_values(step))) == step
