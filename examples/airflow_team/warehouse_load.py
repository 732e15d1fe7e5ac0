"""From the lake into the warehouse, when orders and customers are there."""
# ruff: noqa: AIR301, AIR311, AIR312, S608

from datetime import timedelta

import pendulum
from airflow import DAG
from airflow.providers.postgres.operators.postgres import PostgresOperator
from airflow.sensors.external_task import ExternalTaskSensor
from airflow.utils.task_group import TaskGroup
from airflow.utils.trigger_rule import TriggerRule
from shared import defaults

SOURCES = {
    "orders_ingest": ["orders", "order_lines", "payments", "refunds", "shipments"],
    "customers_ingest": ["customers", "addresses", "consents"],
}

with DAG(
    "warehouse_load",
    default_args=defaults("core"),
    schedule_interval="0 2 * * *",
    start_date=pendulum.datetime(2021, 6, 1, tz="UTC"),
    catchup=True,
    max_active_runs=1,
) as dag:
    analyse = PostgresOperator(
        task_id="analyse",
        postgres_conn_id="warehouse",
        sql="ANALYZE",
        trigger_rule=TriggerRule.ALL_DONE,
    )
    for source, tables in SOURCES.items():
        wait = ExternalTaskSensor(
            task_id=f"wait_for_{source}",
            external_dag_id=source,
            external_task_id=None,
            execution_delta=timedelta(minutes=60 if source == "orders_ingest" else 30),
            mode="reschedule",
            poke_interval=300,
            timeout=4 * 60 * 60,
        )
        with TaskGroup(source) as group:
            for table in tables:
                stage = PostgresOperator(
                    task_id=f"stage_{table}",
                    postgres_conn_id="warehouse",
                    sql=f"COPY staging.{table} FROM PROGRAM 'lake-cat {table} {{{{ ds }}}}'",
                    pool="warehouse",
                )
                load = PostgresOperator(
                    task_id=f"load_{table}",
                    postgres_conn_id="warehouse",
                    sql=f"INSERT INTO core.{table} SELECT * FROM staging.{table}",
                    pool="warehouse",
                )
                stage >> load
        wait >> group >> analyse
