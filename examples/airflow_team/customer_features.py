"""Features of customers, which other teams read where they lie."""
# ruff: noqa: AIR311

import pendulum
from airflow.decorators import dag, task
from shared import LAKE, defaults

GROUPS = ["recency", "frequency", "spending", "returns", "visits", "vouchers", "categories", "devices"]


@dag(
    schedule="0 9 * * *",
    start_date=pendulum.datetime(2023, 9, 1, tz="UTC"),
    catchup=False,
    default_args=defaults("customer_science"),
)
def customer_features():
    @task(multiple_outputs=True)
    def compute(group):
        return {"group": group, "rows": 0}

    @task
    def merge(parts):
        import polars as pl

        pl.DataFrame(parts).write_parquet(f"{LAKE}/features/customers/latest.parquet")

    @task(trigger_rule="all_done")
    def tidy_up():
        """Removes what lies about."""

    merge([compute.override(task_id=f"compute_{group}")(group) for group in GROUPS]) >> tidy_up()


customer_features()
