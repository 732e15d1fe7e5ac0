"""Trains the recommender on the customers' features, wherever they may come from."""
# ruff: noqa: AIR311, AIR312

from datetime import timedelta

import pendulum
from airflow.decorators import dag, task
from airflow.operators.empty import EmptyOperator
from shared import LAKE, defaults

METRICS = ["recall", "ndcg", "coverage", "novelty"]


@dag(
    schedule="0 12 * * *",
    start_date=pendulum.datetime(2024, 1, 1, tz="UTC"),
    catchup=False,
    default_args=defaults("recommendations"),
    params={"epochs": 3},
)
def recommendations_train():
    @task
    def features():
        import polars as pl

        return pl.read_parquet(f"{LAKE}/features/customers/latest.parquet").height

    @task
    def split(rows):
        return [rows] * 4

    @task(pool="gpu", execution_timeout=timedelta(hours=2), retry_exponential_backoff=True, priority_weight=10)
    def train(part, params=None):
        return f"{part} in {params}"

    @task
    def evaluate(metric):
        return metric

    @task.branch
    def better_than_champion(models):
        return "register" if models else "keep_champion"

    @task
    def register():
        """Puts the model into the registry."""

    models = train.expand(part=split(features()))
    reports = [evaluate.override(task_id=f"evaluate_{name}")(name) for name in METRICS]
    verdict = better_than_champion(models)
    models >> reports
    reports >> verdict
    verdict >> [register(), EmptyOperator(task_id="keep_champion")]


recommendations_train()
