"""Inputs of other pipelines on Prefect: what a task depends on, and the events that tell of it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

pytestmark = pytest.mark.prefect

from counterpoint.adapter import find_adapter
from counterpoint.services import ProcessEngine, home_of
from counterpoint.testing import SCENARIOS, check_behaviour
from counterpoint.testing.borders import across

if TYPE_CHECKING:
    from pathlib import Path

EVENTS = "counterpoint://across_source/across_events"


def test_a_task_depends_on_the_asset_of_the_other_pipeline() -> None:
    from counterpoint_prefect.translate import read_back, translate

    flow = translate(across)
    tasks = flow.__dict__["tasks"]
    assert {name: [asset.key for asset in task.asset_deps] for name, task in tasks.items()} == {
        "across_counts": [EVENTS],
        "across_rows": [EVENTS],
        "across_total": [],
    }
    assert read_back(flow).steps == across.steps
    tasks["across_rows"].asset_deps = []
    assert read_back(flow).step("across_rows").waits == ()


def test_events_tell_what_was_made_from_what(tmp_path: Path) -> None:
    adapter = find_adapter("prefect")
    scenario = next(scenario for scenario in SCENARIOS if scenario.name == "across")
    check_behaviour(adapter, scenario, tmp_path, ProcessEngine(adapter))
    with closing(sqlite3.connect(home_of(str(tmp_path), "prefect") / "prefect.db")) as connection:
        rows = connection.execute(
            "select resource, related, payload from events where event = 'prefect.asset.materialization.succeeded'"
        ).fetchall()
    made = {json.loads(resource)["prefect.resource.id"]: json.loads(related) for resource, related, _ in rows}
    assert set(made) == {EVENTS, *(f"counterpoint://across/{name}" for name in across.step_names)}
    sources = {name: [r["prefect.resource.id"] for r in related if r["prefect.resource.role"] == "asset"]
               for name, related in made.items()}  # fmt: skip
    assert sources["counterpoint://across/across_counts"] == [EVENTS]
    assert all(json.loads(payload)["digest"].startswith("sha256:") for *_, payload in rows)
