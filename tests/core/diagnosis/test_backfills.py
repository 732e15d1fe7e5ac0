"""One cause of many partitions is told once, with those that were not begun because of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from counterpoint.backfill import BackfillRequest, prepare, run_backfill
from counterpoint.backfill.lease import claim
from counterpoint.errors import UsageError
from counterpoint.runtime import find_pipeline
from counterpoint.services import LocalEngine
from counterpoint.storage import Store
from counterpoint.storage.layout import backfill_states

if TYPE_CHECKING:
    from conftest import Scene


def test_partitions_that_failed_alike_are_one_cause(scene: Scene) -> None:
    config = {"bad": ["2026-01-03", "2026-01-05"]}
    asked = BackfillRequest("mishaps:days", "2026-01-02", "2026-01-08", "v2", config=config)
    report = run_backfill(prepare(asked, scene.root), LocalEngine())
    found = scene.why_backfill("mishaps:days", "v2")
    (cause,) = found["causes"]
    assert (cause["step"], cause["partitions"]) == ("raw", ["2026-01-03", "2026-01-05"])
    assert cause["blocked"] == [row["date"] for row in report["partitions"] if row["status"] == "blocked"]
    assert cause["not_run"] == ["both"]
    assert found["redo"] == f"counterpoint retry mishaps:days --backfill v2 --root {scene.root}"
    # one of its partitions, by its run
    run = scene.why(cause["runs"][0])
    assert (run["date"], run["redo"]) == (cause["partitions"][0], found["redo"])


def test_an_unknown_backfill_is_refused(scene: Scene) -> None:
    with pytest.raises(UsageError, match="has no backfill 'v9'"):
        scene.why_backfill("mishaps:days", "v9")


def test_a_backfill_that_was_interrupted_tells_what_had_failed_by_then(scene: Scene) -> None:
    """It is put back to before its report: the states of its partitions are all that it has told."""
    asked = BackfillRequest("mishaps:days", "2026-01-02", "2026-01-04", "v2", config={"bad": ["2026-01-03"]})
    rows = run_backfill(prepare(asked, scene.root), LocalEngine())["partitions"]
    store = Store(scene.root, find_pipeline("mishaps:days"))
    claim(store, asked).release(None)
    for row in rows:
        path = backfill_states(store.pipeline.name, "v2", row["date"])
        store.put_json(path, {"steps": store.get_json(path)["steps"], "run_id": row["run_id"]})
    found = scene.why_backfill("mishaps:days", "v2")
    (cause,) = found["causes"]
    assert (found["status"], cause["step"], cause["partitions"]) == ("interrupted", "raw", ["2026-01-03"])
    assert found["redo"] == f"counterpoint retry mishaps:days --backfill v2 --root {scene.root}"
