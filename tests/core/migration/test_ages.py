"""DAG files as they were written for Airflow 1.10, 2 and 3: what is found in each."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from counterpoint_migrate.inventory import Dag, Inventory

NOTHING = {
    "variables": [],
    "connections": [],
    "xcom": [],
    "templates": {},
    "reads": [],
    "writes": [],
    "mentions": [],
}

OLD = """
from datetime import datetime, timedelta
from airflow import DAG
from airflow.models import Variable
from airflow.hooks.base_hook import BaseHook
from airflow.operators.bash_operator import BashOperator
from airflow.operators.python_operator import PythonOperator
from airflow.sensors.s3_key_sensor import S3KeySensor

ENV = Variable.get("environment")
default_args = {
    "owner": "sales",
    "start_date": datetime(2019, 1, 1),
    "retries": 3,
    "retry_delay": timedelta(minutes=5),
    "on_failure_callback": page,
}
dag = DAG("sales_daily", default_args=default_args, schedule_interval="0 3 * * *", catchup=False, max_active_runs=1)

def load(table, **context):
    rows = context["ti"].xcom_pull(task_ids="extract", key="rows")
    BaseHook.get_connection("warehouse")
    open("/lake/sales/orders.csv", "w")

wait = S3KeySensor(task_id="wait", bucket_key="s3://raw/sales/{{ ds }}.csv", timeout=3600, mode="reschedule", dag=dag)
extract = BashOperator(
    task_id="extract",
    bash_command="extract {{ var.value.region }} {{ conn.shop.host }} > /lake/raw/orders.json",
    sla=timedelta(hours=2),
    pool="shop",
    dag=dag,
)
load_task = PythonOperator(
    task_id="load", python_callable=load, op_kwargs={"table": "orders"}, provide_context=True, retries=0,
    trigger_rule="all_done", dag=dag,
)
wait >> extract
load_task.set_upstream(extract)
"""


def test_the_style_of_airflow_1(only: Callable[[str], Dag]) -> None:
    common = {"owner": "sales", "retry_delay": 300.0, "on_failure_callback": {"expression": "page"}}
    base = {"literal": True, "mapped": False, "loop": None, "condition": None, "outlets": [], "inlets": [], **NOTHING}
    assert only(OLD).to_dict() == {
        "id": "sales_daily",
        "literal": True,
        "place": "one.py:17",
        "style": "call",
        "schedule": {"kind": "cron", "value": "0 3 * * *", "expression": None, "assets": []},
        "owners": ["sales"],
        "loop": None,
        "condition": None,
        "settings": {"start_date": {"expression": "datetime(2019, 1, 1)"}, "catchup": False, "max_active_runs": 1},
        "edges": [["wait", "extract"], ["extract", "load"]],
        **NOTHING,
        "variables": ["environment"],
        "tasks": [
            base
            | {
                "id": "wait",
                "operator": "S3KeySensor",
                "module": "airflow.sensors.s3_key_sensor",
                "place": "one.py:24",
                "kind": "sensor",
                "callable": None,
                "settings": {**common, "retries": 3, "timeout": 3600, "mode": "reschedule"},
                "templates": {"bucket_key": "s3://raw/sales/{{ ds }}.csv"},
                "reads": ["s3://raw/sales/{{ds}}.csv"],
            },
            base
            | {
                "id": "extract",
                "operator": "BashOperator",
                "module": "airflow.operators.bash_operator",
                "place": "one.py:25",
                "kind": "operator",
                "callable": None,
                "settings": {**common, "retries": 3, "sla": 7200.0, "pool": "shop"},
                "variables": ["region"],
                "connections": ["shop"],
                "templates": {
                    "bash_command": "extract {{ var.value.region }} {{ conn.shop.host }} > /lake/raw/orders.json"
                },
                "writes": ["/lake/raw/orders.json"],
            },
            base
            | {
                "id": "load",
                "operator": "PythonOperator",
                "module": "airflow.operators.python_operator",
                "place": "one.py:32",
                "kind": "operator",
                "callable": "load",
                "settings": {**common, "retries": 0, "trigger_rule": "all_done"},
                "connections": ["warehouse"],
                "xcom": [{"how": "pull", "detail": "task_ids='extract', key='rows'"}],
                "writes": ["/lake/sales/orders.csv"],
            },
        ],
    }


TASKFLOW = """
from airflow.decorators import dag, task, task_group
from airflow.datasets import Dataset
from airflow.utils.trigger_rule import TriggerRule
from pendulum import datetime

@dag(schedule="@daily", start_date=datetime(2023, 1, 1, tz="Europe/Paris"), tags=["ml"])
def features():
    @task(retries=2)
    def days():
        return [1, 2]

    @task
    def build(day, factor):
        return day

    @task.branch(trigger_rule=TriggerRule.NONE_FAILED)
    def choose(built):
        return "done"

    @task_group
    def ends(value):
        @task(outlets=[Dataset("s3://lake/features")])
        def done(value): ...

        done(value)

    built = build.partial(factor=2).expand(day=days())
    chosen = choose(built)
    chosen >> ends(chosen)
    build.override(task_id="again")(1, 2)
    build(1, 2)

features()
"""


def test_taskflow_of_airflow_2(only: Callable[[str], Dag]) -> None:
    dag = only(TASKFLOW)
    assert (dag.id, dag.style, dag.schedule["kind"], dag.schedule["value"]) == (
        "features",
        "decorator",
        "preset",
        "@daily",
    )
    told = [(task.id, task.kind, task.mapped, task.settings) for task in dag.tasks]
    assert told == [
        ("days", "task", False, {"retries": 2}),
        ("build", "task", True, {}),
        ("choose", "task.branch", False, {"trigger_rule": "none_failed"}),
        ("ends.done", "task", False, {}),
        ("again", "task", False, {}),
        ("build__1", "task", False, {}),
    ]
    assert dag.edges() == [("days", "build"), ("build", "choose"), ("choose", "ends.done")]
    assert dag.tasks[3].outlets == ["s3://lake/features"]
    assert dag.tasks[1].uses.xcom == [{"how": "argument", "detail": "days"}]


NEW = """
from airflow.sdk import DAG, Asset, TaskGroup, asset, chain, task
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.timetables.trigger import CronTriggerTimetable

ORDERS = Asset("orders", uri="s3://lake/orders")

with DAG("hourly", schedule=CronTriggerTimetable("15 * * * *", timezone="UTC")):
    begin = EmptyOperator(task_id="begin")
    with TaskGroup("work") as work:
        EmptyOperator(task_id="a") >> EmptyOperator(task_id="b")
    end = EmptyOperator(task_id="end", outlets=[ORDERS])
    chain(begin, work, end)

@asset(schedule=[ORDERS], uri="s3://lake/report")
def report(): ...

with DAG(dag_id="mails", schedule=(report | ORDERS)):
    EmptyOperator.partial(task_id="mail").expand(doc=["a", "b"])
"""


def test_airflow_3(read: Callable[..., Inventory]) -> None:
    found = read(one=NEW)
    hourly, report, mails = found.dags
    assert found.unresolved == []
    assert hourly.schedule == {
        "kind": "timetable",
        "value": "15 * * * *",
        "expression": "CronTriggerTimetable('15 * * * *', timezone='UTC')",
        "assets": [],
    }
    assert hourly.edges() == [("work.a", "work.b"), ("begin", "work.a"), ("work.b", "end")]
    assert (report.id, report.style, report.schedule["assets"], report.tasks[0].outlets) == (
        "report",
        "asset",
        ["s3://lake/orders"],
        ["s3://lake/report"],
    )
    assert mails.schedule["assets"] == ["s3://lake/report", "s3://lake/orders"]
    assert [(task.id, task.mapped) for task in mails.tasks] == [("mail", True)]
    assert {(one.upstream, one.downstream, one.kind, one.confidence) for one in found.dependencies} == {
        ("hourly", "report", "asset", "certain"),
        ("hourly", "mails", "asset", "certain"),
        ("report", "mails", "asset", "certain"),
    }
