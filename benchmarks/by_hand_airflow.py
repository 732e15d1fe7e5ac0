"""The chain of bench_overhead.py as one would write it for Airflow alone: a DAG of TaskFlow tasks."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, task


def make(names: list[str]) -> DAG:
    """The DAG; values go from task to task by XCom."""
    with DAG("by_hand", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False) as dag:

        @task(multiple_outputs=False)
        def begin(logical_date: datetime | None = None) -> dict[str, Any]:
            return {"date": f"{logical_date:%Y-%m-%d}", "numbers": [1, 2, 3]}

        @task(multiple_outputs=False)
        def grow(given: dict[str, Any]) -> dict[str, Any]:
            return {**given, "numbers": [number + 1 for number in given["numbers"]]}

        made = begin.override(task_id=names[0])()
        for name in names[1:]:
            made = grow.override(task_id=name)(made)
    return dag


def run(names: list[str], date: str) -> bool:
    """Runs it for a day; whether that went well. Airflow runs only what it also finds in its folder of DAGs."""
    folder = Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    for other in folder.iterdir():
        other.unlink() if other.is_file() else None
    (folder / "by_hand.py").write_text(f"from by_hand_airflow import make  # airflow DAG\n\ndag = make({names!r})\n")
    ended = make(names).test(logical_date=datetime.fromisoformat(date).replace(tzinfo=UTC))
    (folder / "by_hand.py").unlink()
    return str(ended.state) == "success"
