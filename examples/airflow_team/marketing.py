"""Segments, e-mails and their report; each begins when the one before it has usually ended."""
# ruff: noqa: AIR302, AIR311, AIR312

import pendulum
from airflow import DAG
from airflow.operators.bash import BashOperator
from airflow.operators.email import EmailOperator
from airflow.operators.python import PythonOperator
from shared import defaults

COMMON = {
    "start_date": pendulum.datetime(2021, 1, 1, tz="UTC"),
    "catchup": False,
    "default_args": defaults("marketing", retries=0),
    "tags": ["marketing"],
}
AUDIENCES = ["new", "loyal", "lapsed", "vip", "vouchers"]


def pick(audience, **context):
    return f"{audience} on {context['ds']}"


with DAG("marketing_segments", schedule="0 5 * * *", **COMMON):
    refresh = BashOperator(task_id="refresh", bash_command="segments refresh", do_xcom_push=False)
    for audience in AUDIENCES:
        refresh >> PythonOperator(task_id=f"segment_{audience}", python_callable=pick, op_args=[audience])

with DAG("marketing_emails", schedule="0 6 * * *", max_active_runs=1, **COMMON):
    for audience in AUDIENCES:
        render = BashOperator(task_id=f"render_{audience}", bash_command=f"render {audience} {{{{ ds }}}}")
        check = BashOperator(task_id=f"check_{audience}", bash_command=f"spam-check {audience}")
        send = EmailOperator(
            task_id=f"send_{audience}",
            to=f"{audience}@lists.larch.example",
            subject="Larch Market, {{ macros.ds_format(ds, '%Y-%m-%d', '%d %B') }}",
            html_content="{{ ti.xcom_pull(task_ids='render') }}",
        )
        render >> check >> send

with DAG("marketing_report", schedule="30 7 * * *", **COMMON):
    collect = BashOperator(task_id="collect", bash_command="collect-opens {{ ds }}")
    for audience in AUDIENCES:
        collect >> BashOperator(task_id=f"report_{audience}", bash_command=f"report {audience} {{{{ ds }}}}")
