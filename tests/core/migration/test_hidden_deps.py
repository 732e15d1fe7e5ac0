"""Dependencies in the code and templates of tasks, and of operators of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from counterpoint_migrate.inventory.code_links import of_command
from counterpoint_migrate.inventory.inventory_model import Uses

if TYPE_CHECKING:
    from collections.abc import Callable

    from counterpoint_migrate.inventory import Inventory

HEAD = """
from airflow import DAG
from airflow.api.common.trigger_dag import trigger_dag
from airflow.decorators import task
from airflow.models import BaseOperator, XCom
from airflow.operators.bash import BashOperator
from airflow.operators.empty import EmptyOperator
from airflow.operators.python import PythonOperator
from airflow.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import Asset, asset
from airflow.sensors.base import BaseSensorOperator
from vendor.operators import LatestRunSensor
for name in ("first", "second", "third", "fourth", "fifth", "sixth"):
    with DAG(name, schedule=None):
        EmptyOperator(task_id="go")
"""


def ends(found: Inventory) -> list[tuple[str, str, str, str]]:
    return sorted((one.upstream, one.downstream, one.kind, one.confidence) for one in found.dependencies)


def test_runs_that_code_starts(read: Callable[..., Inventory]) -> None:
    found = read(
        one=HEAD
        + """
def fan_out(**context):
    for shop in context["params"]["shops"]:
        TriggerDagRunOperator(task_id="x", trigger_dag_id="first", conf={"shop": shop}).execute(context)
def by_api():
    trigger_dag("second", conf={})
    trigger_dag(dag_id="third")
def hazy(name):
    trigger_dag(dag_id=name)
with DAG("source", schedule=None):
    PythonOperator(task_id="fan", python_callable=fan_out)
    PythonOperator(task_id="api", python_callable=by_api)
    PythonOperator(task_id="hazy", python_callable=hazy)
    BashOperator(task_id="line", bash_command="airflow dags trigger --conf '{\\"a\\": 1}' -r x fourth && echo done")
    BashOperator(task_id="old", bash_command="airflow trigger_dag fifth")
"""
    )
    assert ends(found) == [
        ("source", name, "trigger", "certain") for name in ("fifth", "first", "fourth", "second", "third")
    ]
    assert [entry.kind for entry in found.unresolved] == ["external_id"]


def test_xcom_of_other_dags(read: Callable[..., Inventory]) -> None:
    found = read(
        one=HEAD
        + """
def take(ti):
    ti.xcom_pull(task_ids="own")
    return ti.xcom_pull(dag_id="first", task_ids="go")
with DAG("taker", schedule=None):
    PythonOperator(task_id="code", python_callable=take)
    BashOperator(task_id="text", bash_command="echo {{ ti.xcom_pull(dag_id='second', task_ids='go') }}")
    PythonOperator(task_id="table", python_callable=lambda: XCom.get_one(dag_id="third", task_id="go", run_id="x"))
    BashOperator(task_id="own", bash_command="echo {{ ti.xcom_pull(dag_id='taker', task_ids='code') }}")
"""
    )
    assert ends(found) == [(name, "taker", "xcom", "certain") for name in ("first", "second", "third")]


def test_operators_of_ones_own_are_probable(read: Callable[..., Inventory]) -> None:
    found = read(
        one=HEAD
        + """
class Mine(BaseSensorOperator):
    def __init__(self, external_dag_id, **kwargs):
        super().__init__(**kwargs)
class Fire(BaseOperator):
    def __init__(self, trigger_dag_id, **kwargs):
        super().__init__(**kwargs)
class Known(TriggerDagRunOperator):
    pass
with DAG("middle", schedule=None):
    Mine(task_id="a", external_dag_id="first") >> Fire(task_id="b", trigger_dag_id="second")
    LatestRunSensor(task_id="c", external_dag_id="third")
    Known(task_id="d", trigger_dag_id="fourth")
    Fire(task_id="e", trigger_dag_id=unknown())
    LatestRunSensor(task_id="f", upstream_dag_id="fifth")
"""
    )
    assert ends(found) == [
        ("fifth", "middle", "sensor", "high"),
        ("first", "middle", "sensor", "high"),
        ("middle", "fourth", "trigger", "certain"),
        ("middle", "second", "trigger", "high"),
        ("third", "middle", "sensor", "high"),
    ]
    assert [(entry.kind, entry.detail) for entry in found.unresolved] == [
        ("external_id", "the trigger_dag_id of task e is unknown()")
    ]


def test_an_asset_of_many_outlets_is_a_dag(read: Callable[..., Inventory]) -> None:
    found = read(
        one=HEAD
        + """
@asset(schedule="@daily")
def raw():
    pass
@asset.multi(schedule=raw, outlets=[Asset("clean"), Asset("bad")])
def split():
    pass
with DAG("report", schedule=[Asset("clean")]):
    EmptyOperator(task_id="go")
"""
    )
    assert ends(found) == [("raw", "split", "asset", "certain"), ("split", "report", "asset", "certain")]
    assert found.unresolved == []


@pytest.mark.parametrize(
    ("command", "dags"),
    [
        ("airflow dags trigger shop", ["shop"]),
        ("airflow dags trigger shop --conf '{}'", ["shop"]),
        ("airflow dags trigger -e 2024-01-01 shop; airflow dags trigger bar", ["shop", "bar"]),
        ("airflow dags trigger --run-id=x 'shop' && true", ["shop"]),
        ('airflow dags trigger -c \'{"a": "b;c"}\' shop | cat', ["shop"]),
        ('airflow dags trigger -c \'{"a": 1', []),
        ("airflow dags list", []),
        ("echo airflow dags", []),
    ],
)
def test_commands_that_start_dags(command: str, dags: list[str]) -> None:
    uses = Uses()
    of_command(uses, command, "a.py:1")
    assert list(uses.triggers) == dags


def test_paths_of_ones_own_parameters_equal_nothing(read: Callable[..., Inventory]) -> None:
    write = "    BashOperator(task_id='w', bash_command='x > {path}')\n"
    use = "    BashOperator(task_id='r', bash_command='cat {path}', env={{'SOURCE_PATH': '{path}'}})\n"
    for path, expected in (("/lake/{{ params.day }}/a.csv", 0), ("/lake/{{ ds }}/a.csv", 1)):
        text = HEAD + "with DAG('w', schedule=None):\n" + write.format(path=path)
        text += "with DAG('r', schedule=None):\n" + use.format(path=path)
        assert len(read(one=text).dependencies) == expected
