"""Customers and consents, from the CRM; written for Airflow 1.10."""
# ruff: noqa: AIR001, AIR301, AIR302, AIR311, DTZ001

from datetime import datetime, timedelta

from airflow import DAG
from airflow.hooks.base_hook import BaseHook
from airflow.operators.dummy_operator import DummyOperator
from airflow.operators.python_operator import BranchPythonOperator, PythonOperator
from airflow.sensors.http_sensor import HttpSensor

default_args = {"owner": "crm", "start_date": datetime(2018, 1, 1), "retries": 1, "retry_delay": timedelta(minutes=1)}

PARTS = ["customers", "addresses", "consents", "complaints", "wishes", "reviews", "calls", "visits", "devices"]


def fetch(part, **context):
    address = BaseHook.get_connection("crm_api").host
    return f"{address}/{part}/{context['ds']}"


def full_or_delta(**context):
    return "full_load" if context["execution_date"].day == 1 else "delta_load"


with DAG("customers_ingest", default_args=default_args, schedule_interval="30 1 * * *", catchup=True) as dag:
    ready = HttpSensor(task_id="crm_is_up", http_conn_id="crm_api", endpoint="health", poke_interval=60, timeout=3600)
    choose = BranchPythonOperator(task_id="full_or_delta", python_callable=full_or_delta, provide_context=True)
    full, delta = DummyOperator(task_id="full_load"), DummyOperator(task_id="delta_load")
    merge = PythonOperator(
        task_id="merge",
        python_callable=fetch,
        op_kwargs={"part": "merged"},
        trigger_rule="none_failed_min_one_success",
    )
    ready >> choose >> [full, delta]
    for part in PARTS:
        load = PythonOperator(
            task_id=f"fetch_{part}",
            python_callable=fetch,
            op_kwargs={"part": part},
            provide_context=True,
            trigger_rule="one_success",
            pool="crm_api",
        )
        [full, delta] >> load >> merge
