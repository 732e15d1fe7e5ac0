"""What a plan says beyond order: offsets, time zones, parameters, e-mails, Airflow's own tables, self-triggers."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from counterpoint_migrate.inventory import inventory
from counterpoint_migrate.plan import Plan, Settings, plan

if TYPE_CHECKING:
    from pathlib import Path

HEAD = """
from datetime import datetime, timedelta
import pendulum
from zoneinfo import ZoneInfo
from airflow import DAG
from airflow.decorators import dag, task
from airflow.models import Variable
from airflow.operators.bash import BashOperator
from airflow.operators.empty import EmptyOperator
from airflow.operators.python import PythonOperator
from airflow.operators.subdag import SubDagOperator
from airflow.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sensors.external_task import ExternalTaskSensor
from airflow.timetables.interval import CronDataIntervalTimetable
from airflow.utils.task_group import TaskGroup
"""
Planned = Callable[..., Plan]


@pytest.fixture
def planned(tmp_path: Path) -> Planned:
    """The plan of one file."""

    def write_and_plan(text: str, **settings: int) -> Plan:
        (tmp_path / "one.py").write_text(HEAD + dedent(text), encoding="utf-8")
        return plan(inventory(tmp_path), Settings(**settings))  # type: ignore[arg-type]

    return write_and_plan


def details(found: Plan, dag: str, need: str) -> list[str]:
    return [place.detail for one in found.move(dag).needs if one.name == need for place in one.places]


SENSORS = """
with DAG("up", schedule="@daily"):
    EmptyOperator(task_id="go")
with DAG("late", schedule="@daily"):
    ExternalTaskSensor(task_id="w", external_dag_id="up", execution_delta=timedelta(minutes=90))
with DAG("by_hand", schedule="@daily"):
    ExternalTaskSensor(task_id="w", external_dag_id="up", execution_date_fn=lambda day: day.replace(hour=2))
with DAG("same", schedule="@daily"):
    ExternalTaskSensor(task_id="w", external_dag_id="up", execution_delta=timedelta(0))
"""


def test_the_offset_of_a_sensor_is_a_need_and_part_of_its_bridge(planned: Planned) -> None:
    found = planned(SENSORS, max_dags=1)
    assert details(found, "late", "logical_dates") == ["up: execution_delta=90 min"]
    (by_hand,) = details(found, "by_hand", "logical_dates")
    assert by_hand.startswith("up: execution_date_fn=lambda day")
    assert details(found, "same", "logical_dates") == []
    means = {one.dependency.downstream: (one.direction, one.means) for one in found.bridges}
    assert "which run that is has to be written by hand" in means["by_hand"][1]
    direction, text = means["late"]
    shift = "shift=timedelta(seconds=-5400)" if direction == "airflow_to_dagster" else "macros.timedelta(seconds=5400)"
    assert shift in text
    assert "another logical date" not in means["same"][1]


@pytest.mark.parametrize(
    ("start", "zone"),
    [
        ("datetime(2024, 1, 1, tzinfo=pendulum.timezone('Asia/Tokyo'))", "Asia/Tokyo"),
        ("datetime(2024, 1, 1, tzinfo=ZoneInfo('Asia/Tokyo'))", "Asia/Tokyo"),
        ("pendulum.datetime(2024, 1, 1, tz='Asia/Tokyo')", "Asia/Tokyo"),
        ("pendulum.today('Asia/Tokyo').add(days=-1)", "Asia/Tokyo"),
        ("datetime(2024, 1, 1, tzinfo=pendulum.timezone(Variable.get('zone')))", "not known: "),
        ("pendulum.timezone('Asia/Tokyo').localize(datetime(2024, 1, 1))", "Asia/Tokyo"),
        ("datetime(2024, 1, 1)", None),
        ("pendulum.datetime(2024, 1, 1)", None),
        ("datetime(2024, 1, 1, tzinfo=pendulum.timezone('UTC'))", None),
        ("datetime.now() - timedelta(days=1)", None),
    ],
)
def test_the_time_zone_of_a_schedule(planned: Planned, start: str, zone: str | None) -> None:
    found = planned(f"""
start = {start}
args = {{"owner": "core"}}
with DAG("zoned", schedule="0 6 * * *", start_date=start, default_args=args):
    EmptyOperator(task_id="go")
with DAG("utc", schedule="0 7 * * *", start_date=datetime(2024, 1, 1), default_args=args):
    EmptyOperator(task_id="go")
""")
    told = details(found, "zoned", "time_zone")
    assert (zone is None and told == []) or (zone is not None and told[0].startswith(f"0 6 * * * in {zone}"))
    assert [(one.upstream, one.confidence) for one in found.to_confirm] == ([] if zone else [("zoned", "low")])


def test_the_zone_of_a_timetable_precedes_that_of_the_start_date(planned: Planned) -> None:
    found = planned("""
with DAG("a", schedule=CronDataIntervalTimetable("0 6 * * *", timezone="Europe/Oslo"), start_date=datetime(2024, 1, 1)):
    EmptyOperator(task_id="go")
""")
    assert details(found, "a", "time_zone") == ["0 6 * * * in Europe/Oslo"]


RUN_FACTS = """
def by_conf(**context):
    return context["dag_run"].conf.get("shop")
def by_params(params):
    return params
def by_name(**context):
    run = context["dag_run"]
    return run.conf["shop"], run.logical_date
def helper(context, params=None):
    return context["ti"].execution_date
def late(**context):
    return helper(context)
with DAG("asked", schedule=None):
    BashOperator(task_id="a", bash_command="run {{ dag_run.conf['shop'] }}")
    PythonOperator(task_id="b", python_callable=by_conf)
    BashOperator(task_id="c", bash_command="run {{ params.size }}", params={"size": 5})
    PythonOperator(task_id="d", python_callable=by_params)
    PythonOperator(task_id="e", python_callable=late)
with DAG("named", schedule=None):
    PythonOperator(task_id="a", python_callable=by_name)
with DAG("starter", schedule="@once", default_args={"email": ["oncall@example.com"], "email_on_retry": False}):
    TriggerDagRunOperator(task_id="t", trigger_dag_id="asked", conf={"shop": "berlin"})
with DAG("spark", schedule=None, user_defined_macros={"f": len}, template_searchpath="/etc/airflow/sql"):
    SparkSubmitOperator(task_id="s", conf={"spark.executor.memory": "8g"}, executor_config={"a": 1}, run_as_user="etl")
"""


def test_parameters_emails_and_placement(planned: Planned) -> None:
    found = planned(
        "from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator\n" + RUN_FACTS
    )
    asked = details(found, "asked", "parameters")
    assert asked == ["dag_run.conf", "dag_run.conf", "params", "params={'size': 5}", "params"]
    assert details(found, "asked", "interval") == ["execution_date"]
    assert details(found, "named", "parameters") == ["dag_run.conf"]
    assert details(found, "named", "interval") == ["logical_date"]
    assert details(found, "starter", "parameters") == ["conf={'shop': 'berlin'}"]
    assert details(found, "starter", "emails") == ["oncall@example.com on failure"]
    assert details(found, "starter", "catchup") == []
    assert details(found, "spark", "parameters") == []
    assert details(found, "spark", "placement") == ["executor_config={'a': 1}", "run_as_user=etl"]
    assert details(found, "spark", "macros") == [
        "template_searchpath=/etc/airflow/sql",
        "user_defined_macros={'f': {'expression': 'builtins.len'}}",
    ]


def test_functions_of_one_name_are_told_apart(planned: Planned) -> None:
    found = planned("""
@dag(schedule="@daily")
def dated():
    @task
    def load(ds=None):
        return ds
    load()
@dag(schedule="@daily")
def plain():
    @task
    def load():
        Variable.set("last", 1)
    load()
dated(), plain()
""")
    assert details(found, "dated", "interval") == ["ds"]
    assert details(found, "plain", "interval") == []
    assert details(found, "plain", "variable_state") == ["last"]


def test_default_args_of_groups_hold_for_their_tasks(planned: Planned) -> None:
    found = planned("""
with DAG("grouped", schedule=None, default_args={"retries": 1, "pool": "wide"}):
    with TaskGroup("g", default_args={"pool": "narrow", "retries": 5}):
        with TaskGroup("inner", default_args={"retries": 7}):
            EmptyOperator(task_id="a")
        EmptyOperator(task_id="b")
    EmptyOperator(task_id="c")
""")
    assert details(found, "grouped", "retries") == ["retries=7", "retries=5", "retries=1"]
    assert details(found, "grouped", "pools") == ["pool=narrow", "pool=narrow", "pool=wide"]


OWN_TABLES = """
from airflow.models import DagRun, XCom
from airflow.utils.session import provide_session
@provide_session
def prune(session=None):
    session.query(XCom).filter(XCom.execution_date < datetime(2020, 1, 1)).delete()
def typed(run: DagRun) -> int:
    return 1
def watch():
    return DagRun.find(dag_id="a")
with DAG("pruner", schedule="@daily"):
    EmptyOperator(task_id="begin") >> PythonOperator(task_id="p", python_callable=prune)
with DAG("cleaner", schedule="@daily"):
    BashOperator(task_id="db", bash_command="airflow db clean --yes")
    BashOperator(task_id="logs", bash_command="find $AIRFLOW_HOME/logs -mtime +30 -delete")
with DAG("mixed", schedule="@daily"):
    PythonOperator(task_id="w", python_callable=watch) >> BashOperator(task_id="s", bash_command="ship")
with DAG("typed", schedule="@daily"):
    PythonOperator(task_id="t", python_callable=typed)
with DAG("after", schedule=None):
    ExternalTaskSensor(task_id="w", external_dag_id="pruner")
"""


def test_what_looks_after_airflow_is_offered_for_retirement(planned: Planned) -> None:
    found = planned(OWN_TABLES)
    retired = {move.id: move.retire for move in found.dags if move.retire}
    assert retired.keys() == {"pruner", "cleaner"}
    assert "airflow.models.XCom" in str(retired["pruner"])
    assert retired["cleaner"] == (
        "it looks after Airflow itself (Airflow's log files, command airflow db clean): retire it with Airflow,"
        " do not move it"
    )
    assert sorted(dag for wave in found.waves for dag in wave.dags) == ["after", "mixed", "typed"]
    assert [move.wave for move in found.dags if move.retire] == [0, 0]
    assert details(found, "mixed", "airflow_itself") == ["airflow.models.DagRun.find"]
    assert details(found, "typed", "airflow_itself") == []
    (bridge,) = found.bridges
    assert (bridge.dependency.upstream, bridge.ends, bridge.dependency.outside) == ("pruner", None, False)


def test_a_dag_that_starts_itself_is_told(planned: Planned) -> None:
    found = planned("""
with DAG("again", schedule=None):
    TriggerDagRunOperator(task_id="t", trigger_dag_id="again")
""")
    assert details(found, "again", "self_trigger") == ["task t"]
    assert (found.bridges, found.cycles) == ([], [])


def test_a_sub_dag_moves_with_its_parent(planned: Planned) -> None:
    found = planned(
        """
def part(parent, child):
    with DAG(f"{parent}.{child}", schedule="@daily") as inner:
        EmptyOperator(task_id="one") >> EmptyOperator(task_id="two")
    return inner
with DAG("whole", schedule="@daily", catchup=False):
    EmptyOperator(task_id="a") >> SubDagOperator(task_id="piece", subdag=part("whole", "piece"))
with DAG("waits", schedule=None):
    ExternalTaskSensor(task_id="w", external_dag_id="whole.piece")
""",
        max_dags=1,
    )
    assert [(move.id, move.tasks, move.sub_dags) for move in found.dags if move.id == "whole"] == [
        ("whole", 4, ("whole.piece",))
    ]
    assert len(found.dags) == 2
    assert details(found, "whole", "sub_dags") == ["piece"]
    assert details(found, "whole", "catchup") == []
    assert found.move("whole").strangers == ()
    assert [(one.dependency.upstream, one.dependency.downstream) for one in found.bridges] == [("whole", "waits")]


def test_dags_with_unknown_ids_are_moves_of_their_own(tmp_path: Path) -> None:
    text = HEAD + (
        "import yaml\nconfig = yaml.safe_load(open('c'))\n"
        "for _ in range(2):\n    with DAG(config['id'], schedule='@daily'):\n        EmptyOperator(task_id='go')\n"
    )
    for name in ("a", "b"):
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    found = plan(inventory(tmp_path))
    line = len(text.splitlines()) - 1
    assert sorted(move.id for move in found.dags) == [
        f"config['id'] ({name}.py:{line}){number}" for name in ("a", "b") for number in ("", " #2")
    ]
    assert {move.tasks for move in found.dags} == {1}


def test_what_is_not_known_in_a_helper_concerns_the_dag_that_gave_it(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text(
        HEAD + "def wait_for(dag):\n    return ExternalTaskSensor(task_id='w', external_dag_id=dag)\n", encoding="utf-8"
    )
    (tmp_path / "dags.py").write_text(
        "import os\n" + HEAD + "from helper import wait_for\n"
        "with DAG('source', schedule=None):\n    EmptyOperator(task_id='go')\n"
        "with DAG('clear', schedule=None):\n    wait_for('source')\n"
        "with DAG('hazy', schedule=None):\n    wait_for(os.environ['PARENT'])\n",
        encoding="utf-8",
    )
    found = plan(inventory(tmp_path))
    assert {move.id: [entry.kind for entry in move.unresolved] for move in found.dags} == {
        "source": [],
        "clear": [],
        "hazy": ["external_id"],
    }


def test_a_dag_of_which_no_task_was_found_never_scores_best(planned: Planned) -> None:
    found = planned("""
with DAG("empty", schedule=None):
    pass
with DAG("heavy", schedule="@daily", default_args={"sla": timedelta(1), "retries": 3, "pool": "p"}):
    for number in range(60):
        BashOperator(task_id=f"t{number}", bash_command="x {{ ds }}", trigger_rule="all_done")
""")
    assert found.move("empty").score.score == 0
    assert found.move("heavy").score.score > 0
    assert "no task of it was found" in found.move("empty").score.risk.facts[0]
