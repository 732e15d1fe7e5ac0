"""Closes a month, after whatever else the group's other teams have to finish first."""
# ruff: noqa: AIR001, AIR311, AIR312, S108

from datetime import timedelta

import pendulum
from airflow import DAG
from airflow.models import Variable
from airflow.operators.python import PythonOperator
from airflow.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.providers.sftp.operators.sftp import SFTPOperator
from airflow.sensors.external_task import ExternalTaskSensor
from shared import defaults

LEDGER = Variable.get("ledger_dag")
BOOKS = ["sales", "purchases", "payroll", "taxes", "assets"]


def late(dag, task_list, blocking_task_list, slas, blocking_tis):
    """Tells the controllers."""


def post(book, **context):
    return f"{book} until {context['data_interval_end']}"


with DAG(
    "finance_close",
    default_args={**defaults("finance"), "wait_for_downstream": True, "sla": timedelta(hours=8)},
    schedule="0 6 1 * *",
    start_date=pendulum.datetime(2020, 1, 1, tz="Europe/Berlin"),
    catchup=True,
    sla_miss_callback=late,
) as dag:
    ledger = ExternalTaskSensor(task_id="wait_for_ledger", external_dag_id=LEDGER, mode="reschedule")
    erp = ExternalTaskSensor(task_id="wait_for_erp", external_dag_id="erp_export", mode="reschedule")
    send = SFTPOperator(
        task_id="send", ssh_conn_id="auditor", local_filepath="/tmp/close.csv", remote_filepath="close.csv"
    )
    report = TriggerDagRunOperator(task_id="board_report", trigger_dag_id="board_report", wait_for_completion=True)
    for book in BOOKS:
        book_it = PythonOperator(task_id=f"post_{book}", python_callable=post, op_args=[book], pool="ledger")
        verify = PythonOperator(task_id=f"verify_{book}", python_callable=post, op_args=[book])
        [ledger, erp] >> book_it >> verify >> send
    send >> report
