"""Tomorrow's prices, from the forecast of yesterday: the half of a circle that nobody drew."""
# ruff: noqa: AIR311, AIR312

from datetime import timedelta

import pendulum
from airflow import DAG
from airflow.operators.python import PythonOperator
from airflow.sensors.external_task import ExternalTaskSensor
from shared import ExportToPartnerOperator, defaults

CATEGORIES = ["garden", "kitchen", "toys", "books"]


def price(category, ds=None):
    return f"{category} of {ds}"


with DAG(
    "pricing",
    default_args={**defaults("supply"), "sla": timedelta(hours=1)},
    schedule="0 20 * * *",
    start_date=pendulum.datetime(2022, 5, 1, tz="Europe/Berlin"),
    catchup=False,
) as dag:
    forecast = ExternalTaskSensor(
        task_id="wait_for_forecast",
        external_dag_id="stock_forecast",
        external_task_id="publish",
        execution_delta=timedelta(days=1),
    )
    for category in CATEGORIES:
        priced = PythonOperator(task_id=f"price_{category}", python_callable=price, op_args=[category], pool="solver")
        export = ExportToPartnerOperator(
            task_id=f"export_{category}",
            partner="marketplace",
            path=f"s3://larch-lake/prices/{category}/{{{{ ds }}}}.csv",
        )
        forecast >> priced >> export
