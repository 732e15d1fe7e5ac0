"""The edges of a calendar, and of a pipeline's life."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from graphs import PARTITIONS

from counterpoint.backfill import BackfillRequest, prepare, run_backfill
from counterpoint.backfill.plan import make_plan, waves
from counterpoint.errors import UsageError
from counterpoint.runtime import find_pipeline
from counterpoint.services import LocalEngine
from counterpoint.storage import Store

if TYPE_CHECKING:
    from pathlib import Path

    from counterpoint.model import Pipeline

EDGES = {
    "an hour that the clock skips in Europe": ("hours", "2025-03-30T00", "2025-03-30T03"),
    "an hour that it has twice": ("hours", "2025-10-26T00", "2025-10-26T03"),
    "hours over midnight of a year's end": ("hours", "2025-12-31T23", "2026-01-01T01"),
    "months over a year's end": ("months", "2024-11", "2025-02"),
    "a leap day": ("days", "2024-02-28", "2024-03-01"),
    "no leap day": ("days", "2025-02-27", "2025-03-01"),
    "the day on which the clock goes forward": ("days", "2025-03-29", "2025-03-31"),
    "a single day": ("days", "2026-01-09", "2026-01-09"),
}


def served(name: str) -> tuple[str, Pipeline]:
    place = f"farm:{name}"
    return place, find_pipeline(place)


def filled(base: Path, name: str, first: str, last: str) -> dict[str, int]:
    """The sums over three partitions that a backfill made, where each partition holds its number."""
    place, pipeline = served(name)
    partitions = pipeline.partitions
    (base / "days").mkdir()
    begin = max(partitions.shift(first, -2), partitions.start)
    for number, key in enumerate(partitions.range(begin, last), 1):
        (base / "days" / f"{key}.txt").write_text(str(number), encoding="ascii")
    config = {"folder": str(base)}
    asked = BackfillRequest(place, first, last, "v2", parallel=4, config=config)
    report = run_backfill(prepare(asked, str(base / "data")), LocalEngine())
    assert report["status"] == "success"
    store = Store(str(base / "data"), pipeline.configured(config), "v2")
    return {key: store.read(entry.reference) for key, entry in store.entries("sums").items()}


@pytest.mark.parametrize("edge", EDGES)
def test_a_window_is_the_partitions_before_whatever_the_calendar_does(tmp_path: Path, edge: str) -> None:
    name, first, last = EDGES[edge]
    keys = served(name)[1].partitions.range(first, last)
    # the first partition is the third that there is: 1 + 2 + 3, then each one 3 more
    assert filled(tmp_path, name, first, last) == {key: 6 + 3 * place for place, key in enumerate(keys)}


def test_the_first_windows_of_a_pipeline_are_refused_or_shrink_as_it_says(tmp_path: Path) -> None:
    start, last = "2026-01-01", "2026-01-04"
    for name in ("harvest", "shrinking"):
        (tmp_path / name).mkdir()
    with pytest.raises(UsageError, match=r"partition 2025-12-\d\d lies before the pipeline's start 2026-01-01"):
        filled(tmp_path / "harvest", "harvest", start, last)
    found = filled(tmp_path / "shrinking", "shrinking", start, last)
    assert found == {"2026-01-01": 1, "2026-01-02": 3, "2026-01-03": 6, "2026-01-04": 9}


def test_400_days_are_as_many_waves_as_one() -> None:
    pipeline = find_pipeline("streamrec")
    keys = PARTITIONS.range("2025-01-07", PARTITIONS.shift("2025-01-07", 399))
    plan = make_plan(pipeline, keys, lambda _: False)
    assert len(plan.cells) == 400 * 8 + 6 * 2
    assert len(waves(plan)) == len(waves(make_plan(pipeline, keys[:1], lambda _: False)))
