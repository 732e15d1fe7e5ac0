"""The grid shows what single runs of production made of each step: also a failure, which is not merely missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from conftest import DAYS, Farm

from counterpoint.backfill import grid
from counterpoint.model import PRODUCTION, RunRequest
from counterpoint.runtime import find_pipeline
from counterpoint.runtime.last_failed import last_failed
from counterpoint.services import LocalEngine
from counterpoint.services.launch import launch

if TYPE_CHECKING:
    from pathlib import Path

NAME = "farm:harvest"


@pytest.fixture
def farm(tmp_path: Path) -> Farm:
    return Farm(tmp_path)


def run(farm: Farm, day: str) -> str:
    config = {"folder": str(farm.place)}
    request = RunRequest(NAME, day, f"single-{day}-{len(list(farm.place.rglob('*')))}", farm.root, config=config)
    return str(launch(request, LocalEngine()).status)


def shown(farm: Farm, *days: str) -> dict[str, dict[str, str]]:
    pipeline = find_pipeline(NAME).configured({"folder": str(farm.place)})
    states: dict[str, Any] = grid(farm.root, NAME, pipeline, PRODUCTION, days)
    return {row["date"]: row["steps"] for row in states["partitions"]}


def test_a_failed_run_is_failed_and_what_waits_for_it_blocked(farm: Farm) -> None:
    farm.deliver(DAYS[4], "no number")
    assert run(farm, DAYS[4]) == "failed"
    states = shown(farm)[DAYS[4]]
    assert "failed" in states.values()
    failed = [step for step, state in states.items() if state == "failed"]
    pipeline = find_pipeline(NAME)
    behind = [step.name for step in pipeline.steps if set(step.upstream) & set(failed)]
    assert behind
    assert {states[step] for step in behind} == {"blocked"}
    assert set(last_failed(farm.store(PRODUCTION), DAYS[4])) == {s for s, t in states.items() if t != "missing"}


def test_a_run_that_succeeds_afterwards_counts(farm: Farm) -> None:
    farm.deliver(DAYS[4], "no number")
    run(farm, DAYS[4])
    farm.deliver(DAYS[4], "1")
    assert run(farm, DAYS[4]) == "success"
    assert set(shown(farm, DAYS[4])[DAYS[4]].values()) <= {"fresh", "skipped"}
    assert last_failed(farm.store(PRODUCTION), DAYS[4]) == {}


def test_a_partition_that_nobody_ran_is_missing(farm: Farm) -> None:
    assert set(shown(farm, DAYS[4])[DAYS[4]].values()) == {"missing"}
    assert shown(farm) == {}
