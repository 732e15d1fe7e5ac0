"""Looks at the facts whenever they are new; written for Airflow 3."""

from airflow.sdk import DAG, Asset, setup, task, teardown
from shared import defaults

CHECKS = ["nulls", "duplicates", "ranges", "freshness", "volumes", "references"]

with DAG("data_quality", schedule=[Asset("s3://larch-lake/marts/facts")], default_args=defaults("analytics")) as dag:

    @setup
    def open_sandbox():
        return "sandbox"

    @teardown
    def close_sandbox():
        """Removes it."""

    @task.short_circuit
    def anything_new():
        return True

    @task
    def check(name):
        return name

    @task
    def report(found):
        return found

    first, last = open_sandbox(), close_sandbox()
    checks = [check.override(task_id=f"check_{name}")(name) for name in CHECKS]
    first >> anything_new() >> checks >> report(checks) >> last
