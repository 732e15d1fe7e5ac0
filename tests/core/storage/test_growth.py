"""A table that has been written for years costs what a new one does."""

from __future__ import annotations

import json
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

from shelves import numbers, save

if TYPE_CHECKING:
    from counterpoint.storage import Store

COMMITS, DAYS = 500, 20
LOG = "tables/production/shelf/rows/_delta_log"


def seconds(store: Store, number: int) -> float:
    began = perf_counter()
    made = save(store, numbers(number), f"2026-01-{number % DAYS + 1:02}")
    took = perf_counter() - began
    assert made.table_version == number + 1  # the first made the table
    return took


def test_the_500th_commit_costs_what_the_10th_does(store: Store) -> None:
    took = [seconds(store, number) for number in range(COMMITS)]
    # loose, for other things run beside this; without checkpoints it would be over tenfold
    assert median(took[480:]) < 4 * median(took[10:30])
    checkpoints = [path for path in store.list(LOG) if path.endswith(".checkpoint.parquet")]
    assert len(checkpoints) >= COMMITS // 10 - 1
    assert json.loads(store.get(f"{LOG}/_last_checkpoint") or b"")["version"] >= COMMITS - 11
