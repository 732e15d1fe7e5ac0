"""What Airflow's triggerer does when a deadline has passed: core tells it, of scheduled runs only."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

pytestmark = pytest.mark.airflow

from counterpoint.alerts.incidents import all_cases
from counterpoint.storage.objects import Objects

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("kind", "told"), [("scheduled", 1), ("backfill", 0), ("manual", 0)])
def test_a_late_run_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, told: int) -> None:
    from counterpoint_airflow.deadlines import late

    monkeypatch.setenv("COUNTERPOINT_ROOT", str(tmp_path))
    monkeypatch.setenv("COUNTERPOINT_PIPELINES", "streamrec")
    run = {"dag_id": "streamrec", "run_type": kind, "data_interval_start": "2026-01-06T00:00:00Z"}
    asyncio.run(late({"dag_run": run}))
    found = [case.alert for case in all_cases(Objects(str(tmp_path)))]
    assert [(alert.title, alert.partition) for alert in found] == [("streamrec is late", "2026-01-06")] * told
