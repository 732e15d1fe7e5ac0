"""Killed after any of its puts and run again, or run by several at once, `reprocess` sends each row once."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from counterpoint.deadletters import overview, resubmitted_digest, resubmitted_rows

if TYPE_CHECKING:
    from conftest import Box

SECOND, THIRD = "2026-01-02", "2026-01-03"
# Every root gets a process of its own that kills itself after its nth put.
KILLS = """
import os, sys
from datetime import timedelta
from letterbox import letterbox
from counterpoint.deadletters import reprocess
from counterpoint.storage import Store
from counterpoint.storage.objects import Objects

left, put = [int(sys.argv[2])], Objects.put
def counted(self, *words):
    put(self, *words)
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), 9)
Objects.put = counted
reprocess(Store(sys.argv[1], letterbox), delay=timedelta(0))
"""


def sends(root: str, die_after: int = 0) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", KILLS, root, str(die_after)])


def given(box: Box) -> tuple[object, ...]:
    store = box.store()
    rows = {day: resubmitted_rows(store, "checked", day) for day in (SECOND, THIRD)}
    digests = [resubmitted_digest(store, "checked", day) for day in rows]
    return {day: found["x"].to_list() for day, found in rows.items() if found is not None}, digests


def test_killed_after_any_put_and_run_again(box: Box) -> None:
    box.run()
    ends, results = [], []
    shutil.copytree(box.root, f"{box.root}-before")
    for number in range(1, 20):
        shutil.rmtree(box.root)
        shutil.copytree(f"{box.root}-before", box.root)
        ends.append(sends(box.root, number).wait(60))
        assert sends(box.root).wait(60) == 0
        results.append(given(box))
        assert overview(box.store())["totals"]["waiting"] == 0
        if not ends[-1]:
            break
    # two files, the ledger, two partitions
    assert ends == [-9] * 5 + [0]
    assert results[0][0] == {SECOND: [30.0, 30.0], THIRD: [500.0]}
    assert all(result == results[0] for result in results)


def test_killed_once_the_ledger_decided_a_source_that_changes_loses_nothing(box: Box) -> None:
    box.run()
    assert sends(box.root, 3).wait(60) == -9
    box.deliver(THIRD, (3, THIRD), (4, THIRD))
    box.run(THIRD)
    assert box.dlq("reprocess")["arrived"] == 3
    assert given(box)[0] == {SECOND: [30.0, 30.0], THIRD: [500.0]}


def test_several_at_once_send_each_row_once(box: Box) -> None:
    box.run()
    processes = [sends(box.root) for _ in range(3)]
    assert [process.wait(120) for process in processes] == [0, 0, 0]
    assert given(box)[0] == {SECOND: [30.0, 30.0], THIRD: [500.0]}
    assert len(list(Path(box.root).rglob("resubmitted/letterbox/checked/rows/*.parquet"))) == 2
