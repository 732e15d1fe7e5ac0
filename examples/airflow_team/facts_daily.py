"""The facts of a day, on top of the dimensions."""
# ruff: noqa: AIR311, AIR312

import functools

import pendulum
from airflow import DAG
from airflow.operators.bash import BashOperator
from airflow.operators.python import ShortCircuitOperator
from airflow.sdk import Asset
from airflow.sensors.external_task import ExternalTaskSensor
from shared import defaults

FACTS = Asset("s3://larch-lake/marts/facts")
when_done = functools.partial(ExternalTaskSensor, mode="reschedule", external_task_id=None, timeout=10800)


def is_open(day):
    return day[5:] not in {"12-25", "01-01"}


with DAG(
    "facts_daily",
    default_args=defaults("analytics"),
    schedule="45 3 * * *",
    start_date=pendulum.datetime(2023, 1, 1, tz="UTC"),
    catchup=False,
) as dag:
    waits = [when_done(task_id=f"wait_for_{name}", external_dag_id=name) for name in ("warehouse_load", "dimensions")]
    shop_is_open = ShortCircuitOperator(task_id="shop_is_open", python_callable=is_open, op_args=["{{ ds }}"])
    publish = BashOperator(task_id="publish", bash_command="publish-mart facts {{ ds }}", outlets=[FACTS])
    for fact in ["fct_orders", "fct_payments", "fct_refunds", "fct_shipments", "fct_visits"]:
        run = BashOperator(task_id=f"run_{fact}", bash_command=f"dbt run --select {fact} --vars 'day: {{{{ ds }}}}'")
        test = BashOperator(task_id=f"test_{fact}", bash_command=f"dbt test --select {fact}")
        waits >> shop_is_open >> run >> test >> publish
