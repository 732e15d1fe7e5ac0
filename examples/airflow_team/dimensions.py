"""The dimensions of the warehouse, by dbt from the shell."""
# ruff: noqa: AIR311, AIR312

import functools

import pendulum
from airflow import DAG
from airflow.operators.bash import BashOperator
from airflow.sensors.external_task import ExternalTaskSensor
from shared import defaults

when_done = functools.partial(ExternalTaskSensor, mode="reschedule", poke_interval=120, timeout=7200)
MODELS = ["dim_customer", "dim_product", "dim_date", "dim_store", "dim_voucher", "dim_channel"]

with DAG(
    "dimensions",
    default_args=defaults("analytics"),
    schedule="0 3 * * *",
    start_date=pendulum.datetime(2023, 1, 1, tz="UTC"),
    catchup=False,
) as dag:
    wait = when_done(task_id="wait_for_warehouse", external_dag_id="warehouse_load")
    for model in MODELS:
        run = BashOperator(
            task_id=f"run_{model}",
            bash_command=f"dbt run --select {model} --vars 'day: {{{{ ds }}}}'",
            env={"TARGET": "{{ var.value.dbt_target }}"},
        )
        test = BashOperator(task_id=f"test_{model}", bash_command=f"dbt test --select {model}")
        wait >> run >> test
