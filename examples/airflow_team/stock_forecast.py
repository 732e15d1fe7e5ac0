"""What will be sold at today's prices: the other half of the circle."""
# ruff: noqa: AIR311, AIR312

import pendulum
from airflow.decorators import dag, task
from airflow.operators.bash import BashOperator
from airflow.sensors.external_task import ExternalTaskSensor
from shared import defaults


@dag(
    schedule="0 21 * * *",
    start_date=pendulum.datetime(2022, 5, 1, tz="Europe/Berlin"),
    catchup=False,
    default_args=defaults("supply"),
)
def stock_forecast():
    prices = ExternalTaskSensor(
        task_id="wait_for_prices", external_dag_id="pricing", external_task_id="export_garden", deferrable=True
    )

    @task
    def warehouses():
        return ["north", "south", "west"]

    @task(pool="solver", retries=0)
    def forecast(warehouse, data_interval_end=None):
        return f"{warehouse} until {data_interval_end}"

    publish = BashOperator(task_id="publish", bash_command="publish-forecast {{ ti.xcom_pull(task_ids='forecast') }}")
    found = warehouses()
    prices >> found
    forecast.expand(warehouse=found) >> publish


stock_forecast()
