"""Inputs of other pipelines on Prefect: what a task depends on, and the events that tell of it."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

pytestmark = pytest.mark.prefect

from counterpoint.adapter import find_adapter
from counterpoint.services import ProcessEngine, home_of
from counterpoint.testing import SCENARIOS, check_behaviour
from counterpoint.testing.borders import across

if TYPE_CHECKING:
    from pathlib import Path

EVENTS = "counterpoint://across_source/across_events"
MADE = {EVENTS, *(f"counterpoint://across/{name}" for name in across.step_names)}
PATIENCE = 60.0


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


def expected_events(database: Path) -> dict[str, tuple[Any, Any]]:
    """What the server stored of materializations, by asset; it stores events some seconds after they are emitted."""
    query = "select resource, related, payload from events where event = 'prefect.asset.materialization.succeeded'"
    until, made = time.monotonic() + PATIENCE, dict[str, tuple[Any, Any]]()
    while set(made) != MADE and time.monotonic() < until:
        with closing(sqlite3.connect(database)) as connection:
            rows = connection.execute(query).fetchall()
        made = {json.loads(row[0])["prefect.resource.id"]: (json.loads(row[1]), json.loads(row[2])) for row in rows}
        time.sleep(0.2)
    return made


def test_events_tell_what_was_made_from_what(tmp_path: Path) -> None:
    adapter = find_adapter("prefect")
    scenario = next(scenario for scenario in SCENARIOS if scenario.name == "across")
    check_behaviour(adapter, scenario, tmp_path, ProcessEngine(adapter))
    made = expected_events(home_of(str(tmp_path), "prefect") / "prefect.db")
    assert set(made) == MADE
    related, payload = made["counterpoint://across/across_counts"]
    assert [r["prefect.resource.id"] for r in related if r["prefect.resource.role"] == "asset"] == [EVENTS]
    assert payload["digest"].startswith("sha256:")
