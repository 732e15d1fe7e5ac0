"""`counterpoint migrate inventory` on 200 DAG files of 25 tasks each, median of five; must stay under 5 s."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

from counterpoint_migrate.inventory import inventory

FILES, REPEATS, MOST = 200, 5, 5.0
TEXT = """
from datetime import datetime, timedelta
from airflow import DAG
from airflow.models import Variable
from airflow.operators.bash import BashOperator
from airflow.operators.python import PythonOperator
from airflow.sensors.external_task import ExternalTaskSensor

ARGS = {{"owner": "team_{team}", "retries": 2, "retry_delay": timedelta(minutes=5)}}


def load(part, **context):
    rows = context["ti"].xcom_pull(task_ids=f"extract_{{part}}")
    with open(f"/lake/{n}/{{part}}.csv", "w") as file:
        file.write(rows + Variable.get("suffix"))


with DAG("dag_{n}", schedule_interval="{minute} {hour} * * *", start_date=datetime(2024, 1, 1), default_args=ARGS):
    wait = ExternalTaskSensor(task_id="wait", external_dag_id="dag_{before}", mode="reschedule")
    for part in range(12):
        extract = BashOperator(task_id=f"extract_{{part}}", bash_command="get {{{{ ds }}}} > /raw/{n}.json", pool="x")
        loaded = PythonOperator(task_id=f"load_{{part}}", python_callable=load, op_args=[part])
        wait >> extract >> loaded
"""


def main() -> int:
    """Prints the median and what was found; 1 when it is too slow."""
    with tempfile.TemporaryDirectory() as folder:
        for n in range(FILES):
            text = TEXT.format(n=n, team=n % 7, minute=n % 60, hour=n % 24, before=max(n - 1, 0))
            Path(folder, f"dag_{n}.py").write_text(text)
        seconds = []
        for _ in range(REPEATS):
            begun = perf_counter()
            found = inventory(folder)
            seconds.append(perf_counter() - begun)
    tasks = sum(len(dag.tasks) for dag in found.dags)
    taken = median(seconds)
    print(f"{FILES} files, {tasks} tasks, {len(found.dependencies)} dependencies: {taken:.2f} s (at most {MOST:g} s)")
    return int(taken > MOST)


if __name__ == "__main__":
    sys.exit(main())
