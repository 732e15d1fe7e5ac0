"""What a DAG uses that Dagster does otherwise is found at its place, and what it does not use is not."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from counterpoint_migrate.inventory import inventory
from counterpoint_migrate.plan import Plan, plan
from counterpoint_migrate.plan.dagster_equivalents import counterparts, means_of, operators

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HEAD = """
from datetime import timedelta
from functools import partial
from airflow import DAG
from airflow.decorators import task
from airflow.operators.bash import BashOperator
from airflow.operators.python import BranchPythonOperator, PythonOperator
from airflow.sdk import Asset, CronPartitionTimetable, setup, teardown
from airflow.sensors.filesystem import FileSensor
from airflow.timetables.interval import CronDataIntervalTimetable
from team.timetables import WorkdaysTimetable
from team.operators import MineOperator
"""
RESCHEDULED = "FileSensor, reschedule, soft_fail"
FIRST = 13  # the line of the first line of a DAG


@pytest.fixture
def planned(tmp_path: Path) -> Callable[[str], Plan]:
    """The plan of one file."""

    def write_and_plan(text: str) -> Plan:
        (tmp_path / "one.py").write_text(HEAD.lstrip("\n") + "\n" + dedent(text), encoding="utf-8")
        return plan(inventory(tmp_path))

    return write_and_plan


def dag(task: str = "", **arguments: str) -> str:
    given = {"schedule": "None", **arguments}
    return f"with DAG('a', {', '.join(f'{name}={value}' for name, value in given.items())}):\n    {task or 'pass'}\n"


def bash(**arguments: str) -> str:
    shown = "".join(f", {name}={value}" for name, value in arguments.items())
    return dag(f"BashOperator(task_id='t', bash_command='x'{shown})")


@pytest.mark.parametrize(
    ("text", "need", "detail"),
    [
        (dag(schedule="'@daily'", catchup="True"), "catchup", "catchup=True"),
        (dag(schedule="'@daily'"), "catchup", "not given: on before Airflow 3"),
        (dag(schedule="timedelta(hours=7)", catchup="False"), "timetable", "every 25200 s"),
        (dag(schedule="WorkdaysTimetable()", catchup="False"), "timetable", "WorkdaysTimetable()"),
        (bash(trigger_rule="'all_done'"), "trigger_rules", "trigger_rule=all_done"),
        (bash(pool="'gpu'"), "pools", "pool=gpu"),
        (bash(sla="timedelta(hours=1)"), "deadlines", "sla=3600 s"),
        (dag(dagrun_timeout="timedelta(hours=1)"), "deadlines", "dagrun_timeout=3600 s"),
        (dag(deadline="late()"), "deadlines", "deadline=late()"),
        (bash(depends_on_past="True"), "past", "depends_on_past=True"),
        (bash(wait_for_downstream="True"), "past", "wait_for_downstream=True"),
        (dag(max_active_runs="1"), "max_active", "max_active_runs=1"),
        (bash(priority_weight="3"), "priority", "priority_weight=3"),
        (bash(retries="2"), "retries", "retries=2"),
        (bash(execution_timeout="timedelta(minutes=1)"), "timeouts", "execution_timeout=60 s"),
        (bash(queue="'big'"), "placement", "queue=big"),
        (bash(on_failure_callback="tell"), "callbacks", "on_failure_callback"),
        (dag(on_success_callback="tell"), "callbacks", "on_success_callback"),
        (bash(env="{'K': '{{ var.value.k }}'}"), "variables", "k"),
        (bash(env="{'K': '{{ var.value.k }}'}"), "templates", "env"),
        (bash(env="{'K': \"{{ ti.xcom_pull('u') }}\"}"), "xcom", "template 'u'"),
        (bash(aws_conn_id="'lake'"), "connections", "lake"),
        (bash(outlets="[Asset('s3://lake/x')]"), "assets", "s3://lake/x"),
        (dag(schedule="[Asset('s3://lake/x')]"), "assets", "s3://lake/x"),
        (dag(params="{'k': 1}"), "parameters", "params={'k': 1}"),
        (dag("FileSensor(task_id='t', filepath='/lake/x')"), "sensors", "FileSensor, poke"),
        (dag("FileSensor(task_id='t', mode='reschedule', soft_fail=True)"), "sensors", RESCHEDULED),
        (dag("FileSensor(task_id='t', deferrable=True)"), "sensors", "FileSensor, deferrable"),
        (dag("BashOperator.partial(task_id='t').expand(bash_command=['x'])"), "mapping", "BashOperator"),
        (dag("BranchPythonOperator(task_id='t', python_callable=f)"), "branching", "BranchPythonOperator"),
        (dag("MineOperator(task_id='t')"), "custom", "MineOperator of team.operators"),
        (bash(env="{'D': '{{ ds }}'}"), "interval", "ds"),
        (bash(env="{'D': \"{{ macros.ds_add(ds, 1) }}\"}"), "interval", "ds"),
        (bash(env="{'D': '{{ prev_data_interval_end_success }}'}"), "interval", "prev_data_interval_end_success"),
    ],
)  # fmt: skip
def test_each_need_is_found(planned: Callable[[str], Plan], text: str, need: str, detail: str) -> None:
    found = {one.name: one for one in planned(text).dags[0].needs}
    assert need in found
    of_the_task = not text.endswith("    pass\n")
    place = f"one.py:{FIRST + of_the_task}"
    assert [(one.place, one.detail) for one in found[need].places] == [(place, detail)]


@pytest.mark.parametrize(
    "text",
    [
        bash(),
        bash(trigger_rule="'all_success'", pool="'default_pool'", retries="0", depends_on_past="False"),
        bash(priority_weight="1", pool_slots="1"),
        dag(schedule="'@daily'", catchup="False"),
        dag(schedule="CronDataIntervalTimetable('0 2 * * *', timezone='UTC')", catchup="False"),
        dag(schedule="CronPartitionTimetable('0 2 * * *', timezone='UTC')", catchup="False"),
        dag("BashOperator(task_id='t', bash_command='echo \"{{ dags }} ds {{ conf.ds }}\"')"),
    ],
)
def test_what_is_not_used_is_not_told(planned: Callable[[str], Plan], text: str) -> None:
    assert [need.name for need in planned(text).dags[0].needs if need.name != "templates"] == []


@pytest.mark.parametrize(
    ("code", "detail"),
    [
        ("def f(ds, **kwargs): ...", "ds"),
        ("def f(*, data_interval_start=None): ...", "data_interval_start"),
        ("def f(**context): return context['logical_date']", "logical_date"),
        ("def f(**context): return context.get('next_execution_date')", "next_execution_date"),
        ("def g(ts, x): ...\nf = partial(g, x=1)", "ts"),
        ("def f(day, **context): return context['ti'], day", None),
    ],
)
def test_code_that_asks_for_its_date(planned: Callable[[str], Plan], code: str, detail: str | None) -> None:
    text = code + "\n" + dag("PythonOperator(task_id='t', python_callable=f)")
    needs = {need.name: need for need in planned(text).dags[0].needs}
    assert ([one.detail for one in needs["interval"].places] if "interval" in needs else None) == (
        [detail] if detail else None
    )


def test_a_decorated_function_that_asks_for_its_date(planned: Callable[[str], Plan]) -> None:
    text = "@task\ndef f(x, data_interval_end=None): ...\n@task\ndef g(x): ...\n" + dag("g(f(1))")
    (need,) = [need for need in planned(text).dags[0].needs if need.name == "interval"]
    assert [one.detail for one in need.places] == ["data_interval_end"]


def test_setup_and_teardown(planned: Callable[[str], Plan]) -> None:
    text = "@setup\ndef f(): ...\n@teardown\ndef g(): ...\n" + dag("f() >> g()")
    (need,) = [need for need in planned(text).dags[0].needs if need.name == "setup"]
    assert [one.detail for one in need.places] == ["setup", "teardown"]


def test_what_an_operator_of_the_folder_rests_on_counts(planned: Callable[[str], Plan]) -> None:
    classes = "class Own(BashOperator): ...\nfrom airflow.models import BaseOperator\nclass Bare(BaseOperator): ...\n"
    found = planned(classes + dag("Own(task_id='t') >> Bare(task_id='u') >> MineOperator(task_id='v')"))
    (move,) = found.dags
    assert [(one.operator, one.module) for one in move.strangers] == [
        ("Bare", "one.py"),
        ("MineOperator", "team.operators"),
    ]
    assert {place.detail for need in move.needs if need.name == "custom" for place in need.places} == {
        "Own of one.py",
        "Bare of one.py",
        "MineOperator of team.operators",
    }


def test_two_dags_of_one_id_are_one(planned: Callable[[str], Plan]) -> None:
    found = planned(bash(pool="'x'") + bash(pool="'y'"))
    (move,) = found.dags
    assert (move.tasks, move.places) == (2, ("one.py:13", "one.py:15"))


def test_what_is_not_known_of_one_dag_is_no_risk_of_another(planned: Callable[[str], Plan]) -> None:
    other = dag("BashOperator(task_id=name(), bash_command='x')").replace("'a'", "'b'")
    found = planned(dag() + other)
    assert [len(found.move(name).unresolved) for name in "ab"] == [0, 1]
    found = planned("exec(open('more').read())\n" + dag() + other)
    assert [[entry.kind for entry in found.move(name).unresolved] for name in "ab"] == [
        ["generated_code"],
        ["generated_code", "task_id"],
    ]


def test_a_shared_pool_couples(planned: Callable[[str], Plan]) -> None:
    found = planned(bash(pool="'gpu'") + bash(pool="'gpu'").replace("'a'", "'b'"))
    assert [(move.score.coupling.value, move.score.coupling.facts) for move in found.dags] == [
        (0.1111, ("shares pool gpu: 0.25",)),
    ] * 2


def test_an_asset_from_outside_needs_a_bridge_that_stays(planned: Callable[[str], Plan]) -> None:
    found = planned(dag(schedule="[Asset('s3://lake/x')]"))
    (bridge,) = found.bridges
    assert (bridge.direction, bridge.begins, bridge.ends) == ("airflow_to_dagster", 1, None)
    assert (bridge.dependency.upstream, bridge.dependency.place) == ("s3://lake/x", "one.py:13")
    assert found.waves[0].stand == (1,)


def test_plugins_and_what_is_not_known_are_carried(planned: Callable[[str], Plan]) -> None:
    text = "from airflow.plugins_manager import AirflowPlugin\nclass P(AirflowPlugin):\n    name = 'mine'\n"
    found = planned(text + dag("BashOperator(task_id=name(), bash_command='x')"))
    assert [plugin["name"] for plugin in found.plugins] == ["P"]
    assert [(one.kind, one.place) for one in found.dags[0].unresolved] == [("task_id", "one.py:17")]
    assert found.dags[0].score.risk.value == 0.1


def test_each_counterpart_says_what_stands_in_and_where_it_was_looked_up() -> None:
    assert all(one.in_dagster and one.source and one.title and one.effort >= 0 for one in counterparts().values())
    assert all(operators().values())
    for kind in ("sensor", "marker", "trigger", "asset", "path", "clock"):
        assert means_of(kind, "to_dagster") != means_of(kind, "to_airflow")
