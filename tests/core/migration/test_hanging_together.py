"""Dependencies between DAGs: declared by sensors, markers, triggers and assets; probable by paths and the clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from counterpoint_migrate.inventory import Inventory

HEAD = """
import functools
from airflow import DAG
from airflow.operators.bash import BashOperator
from airflow.operators.python import PythonOperator
from airflow.operators.trigger_dagrun import TriggerDagRunOperator
from team.operators import KeySensor, SqlOperator
from airflow.sensors.external_task import ExternalTaskMarker, ExternalTaskSensor
"""
Ends = list[tuple[str, str, str, str]]


def ends(found: Inventory) -> Ends:
    return [(one.upstream, one.downstream, one.kind, one.confidence) for one in found.dependencies]


DECLARED = (
    HEAD
    + """
for name in ("a", "b", "c", "d", "e", "f", "g"):
    DAG(name, schedule=None)
UP = "d"
quick = functools.partial(ExternalTaskSensor, mode="reschedule", external_task_id=None)
with DAG("x", schedule=None):
    ExternalTaskSensor(task_id="direct", external_dag_id="a")
    quick(task_id="partial", external_dag_id="b")
    for up in ["c", UP]:
        quick(task_id=f"loop_{up}", external_dag_id=up)
    ExternalTaskMarker(task_id="mark", external_dag_id="e", external_task_id="t")
    TriggerDagRunOperator(task_id="go", trigger_dag_id="f", wait_for_completion=True)
    TriggerDagRunOperator.partial(task_id="many").expand(trigger_dag_id=["g", "elsewhere"])
    ExternalTaskSensor(task_id="open", external_dag_id=FROM_NOWHERE)
    ExternalTaskSensor(task_id="far", external_dag_id="other_team")
"""
)


def test_declared_ones(read: Callable[..., Inventory]) -> None:
    found = read(one=DECLARED)
    sure = "certain"
    assert ends(found) == [
        ("a", "x", "sensor", sure),
        ("b", "x", "sensor", sure),
        ("c", "x", "sensor", sure),
        ("d", "x", "sensor", sure),
        ("x", "e", "marker", sure),
        ("x", "f", "trigger", sure),
        ("x", "g", "trigger", sure),
        ("x", "elsewhere", "trigger", sure),
        ("other_team", "x", "sensor", sure),
    ]
    assert [one.place for one in found.dependencies if one.outside] == ["one.py:20", "one.py:22"]
    assert [(one.place, one.kind, one.detail) for one in found.unresolved] == [
        ("one.py:20", "outside", "DAG elsewhere is not in this folder (trigger)"),
        ("one.py:21", "external_id", "the external_dag_id of task open is FROM_NOWHERE"),
        ("one.py:22", "outside", "DAG other_team is not in this folder (sensor)"),
    ]


def dag(name: str, cron: str, owner: str = "shop", body: str = "") -> str:
    args = f"default_args={{'owner': {owner!r}}}"
    return f"{HEAD}with DAG({name!r}, schedule={cron!r}, {args}):\n    BashOperator(task_id='t')\n{body}"


def test_a_waterfall_of_schedules_is_a_chain(read: Callable[..., Inventory]) -> None:
    files = {"a": dag("a", "0 1 * * *"), "b": dag("b", "30 2 * * *"), "c": dag("c", "0 5 * * *")}
    found = read(**files, d=dag("d", "0 5 * * *", owner="hr"), e=dag("e", "0 12 * * *"), f=dag("f", "0 6 * * 1"))
    assert ends(found) == [("a", "b", "clock", "low"), ("b", "c", "clock", "low")]
    assert found.dependencies[0].detail == "a starts at 01:00, b at 02:30 of the same days"


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (dag("b", "0 2 * * *", owner="airflow"), "low"),  # nobody's, in the same folder
        (dag("b", "2 1 * * *"), None),  # too soon
        (dag("b", "1 7 * * *"), None),  # too late
        (dag("b", "*/5 2 * * *"), None),  # no one minute
        (
            dag("b", "0 2 * * *").replace(
                "default_args", "start_date=datetime(2020, 1, 1, tz='Asia/Tokyo'), default_args"
            ),
            None,
        ),
    ],
)
def test_the_rule_of_the_clock(read: Callable[..., Inventory], second: str, expected: str | None) -> None:
    found = read(a=dag("a", "0 1 * * *"), b=second)
    assert ends(found) == ([("a", "b", "clock", expected)] if expected else [])


def test_the_clock_adds_nothing_to_what_is_declared(read: Callable[..., Inventory]) -> None:
    sensor = "    ExternalTaskSensor(task_id='s', external_dag_id='a')\n"
    assert ends(read(a=dag("a", "@daily"), b=dag("b", "0 1 * * *", body=sensor))) == [("a", "b", "sensor", "certain")]


def test_shared_paths_and_tables(read: Callable[..., Inventory]) -> None:
    writes = """
    BashOperator(task_id="w", bash_command="extract --day {{ ds }} > /lake/raw/{{ ds }}.json")
    def save(target):
        frame.to_parquet(f"s3://lake/{target}/all.parquet")
    PythonOperator(task_id="p", python_callable=save, op_args=["clean"])
    SqlOperator(task_id="q", sql="INSERT INTO mart.sales SELECT * FROM staging.sales JOIN dim_day USING (day)")
"""
    reads = {
        "by_path": "    PythonOperator(task_id='r', python_callable=lambda: pl.read_json('/lake/raw/{{ds}}.json'))\n",
        "by_uri": "    KeySensor(task_id='r', bucket_name='lake', bucket_key='clean/all.parquet')\n",
        "by_table": "    SqlOperator(task_id='r', sql='with x as (select 1) select * from mart.sales')\n",
        "by_name": "    BashOperator(task_id='r', bash_command='publish s3://lake/clean/all.parquet now')\n",
        "by_nothing": "    BashOperator(task_id='r', bash_command='publish s3://lake/clean/other.parquet now')\n",
    }
    files = {name: dag(name, "@once", body=body) for name, body in reads.items()}
    found = read(maker=dag("maker", "@once", body=writes), **files)
    assert sorted(ends(found)) == [
        ("maker", "by_name", "path", "low"),
        ("maker", "by_path", "path", "medium"),
        ("maker", "by_table", "path", "medium"),
        ("maker", "by_uri", "path", "medium"),
    ]
    (table,) = [one for one in found.dependencies if one.downstream == "by_table"]
    assert (table.place, table.detail) == ("maker.py:15", "maker writes mart.sales, by_table reads it")


def test_path_and_clock_together_are_high(read: Callable[..., Inventory]) -> None:
    one = dag("a", "0 1 * * *", body="    BashOperator(task_id='w', bash_command='x > /lake/a.csv')\n")
    two = dag("b", "0 2 * * *", body="    PythonOperator(task_id='r', python_callable=lambda: open('/lake/a.csv'))\n")
    assert ends(read(a=one, b=two)) == [("a", "b", "path", "high")]
