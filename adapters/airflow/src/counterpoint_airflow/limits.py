"""What Airflow does not have, and what stands in for it."""

from __future__ import annotations

from counterpoint.adapter import Limit

LIMITS = (
    Limit(
        "inputs.window",
        "a DAG run knows nothing of other runs' partitions",
        "windows stand in the task's documentation; core refuses a step whose window is incomplete",
    ),
    Limit(
        "timeout",
        "execution_timeout is a signal, which does not interrupt C code",
        "the step runs in a process of its own, which core kills; execution_timeout is its guard, a little later",
    ),
    Limit(
        "map_over",
        "mapped tasks expand over a list in XCom, where core keeps references only",
        "a small task before the mapped one says how many elements there are",
    ),
    Limit(
        "steps",
        "a DAG run has all tasks of its DAG",
        "tasks that are not selected end at once: skipped, or without doing anything where a selected one waits",
    ),
    Limit("freshness", "assets have no freshness policy", "kept with the task; judged by core"),
)
