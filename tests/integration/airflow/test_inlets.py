"""Inputs of other pipelines on Airflow: the inlets of a task are the outlets of a task of the other DAG."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

pytestmark = pytest.mark.airflow

from airflow.serialization.serialized_objects import DagSerialization

from counterpoint.errors import UsageError
from counterpoint.model import input_from, step
from counterpoint.testing.borders import SOURCE, across, across_source
from counterpoint_airflow.translate import read_back, translate


def test_an_inlet_is_the_outlet_of_the_other_dag() -> None:
    (outlet,) = translate(across_source).get_task("across_events").outlets
    dag = translate(across)
    for name in ("across_counts", "across_rows"):
        assert dag.get_task(name).inlets == [outlet]
    assert dag.get_task("across_total").inlets == []


def test_the_scheduler_keeps_the_inlet() -> None:
    stored = json.dumps(DagSerialization.to_dict(translate(across)))
    assert "counterpoint://across_source/across_events" in stored


def test_a_missing_inlet_is_missing_in_the_step() -> None:
    dag = translate(across)
    assert read_back(dag).steps == across.steps
    dag.get_task("across_rows").inlets = []
    assert read_back(dag).step("across_rows").waits == ()


def test_a_dag_without_the_other_pipeline_is_refused() -> None:
    wrong = step("counterpoint.testing.steps:counts", inputs={"table": input_from(f"{SOURCE}s.across_events")})
    with pytest.raises(UsageError, match="across.counts reads counterpoint.testing.borders:across_sources"):
        translate(replace(across, steps=(wrong,)))
