"""Constants, loops, calls and imports are followed, as far as the source tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from counterpoint_migrate.inventory import Dag, Inventory

HEAD = """
import os, functools
from airflow import DAG
from airflow.operators.empty import EmptyOperator
from pathlib import Path
TEAM = "shop"
SETTINGS = {"dag": {"id": "deep"}}
"""


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("'plain'", "plain"),
        ("TEAM + '_daily'", "shop_daily"),
        ("f'{TEAM}_{1 + 1}'", "shop_2"),
        ("'{}_{name}'.format(TEAM, name='x')", "shop_x"),
        ("'%s_2024' % TEAM", "shop_2024"),
        ("'{}_2024'.format(TEAM)", "shop_2024"),
        ("os.path.join(TEAM, 'a')", "shop/a"),
        ("'-'.join([TEAM, 'b'])", "shop-b"),
        ("SETTINGS['dag']['id']", "deep"),
        ("SETTINGS.get('none', TEAM.upper())", "SHOP"),
        ("'a' if TEAM == 'shop' else 'b'", "a"),
        ("[name for name in ('x', 'y') if name != 'x'][0]", "y"),
        ("Path(__file__).stem", "one"),
        ("os.path.basename(__file__).replace('.py', '')", "one"),
        ("(lambda name: name + '_l')(TEAM)", "shop_l"),
    ],
)
def test_an_id_from_constants(only: Callable[[str], Dag], expression: str, expected: str) -> None:
    assert only(f"{HEAD}\ndag = DAG({expression}, schedule=None)\n").id == expected


@pytest.mark.parametrize(
    "expression",
    [
        "os.environ['DAG']",
        "f'{nobody}_x'",
        "f'{TEAM:>100000000}'",
        "'%100000000d' % 1",
        "'{:{}}'.format('a', 1000000000)",
        "get(TEAM)",
    ],
)
def test_an_id_that_is_not_known_is_an_expression(read: Callable[..., Inventory], expression: str) -> None:
    found = read(one=f"{HEAD}\ndag = DAG({expression}, schedule=None)\n")
    (dag,) = found.dags
    assert (dag.literal, [(one.kind, one.place) for one in found.unresolved]) == (False, [("dag_id", "one.py:8")])
    assert dag.id == expression


def test_loops_over_literals_and_factories_are_followed(read: Callable[..., Inventory]) -> None:
    found = read(
        common="""
        from airflow import DAG
        from airflow.operators.empty import EmptyOperator
        def make(name, every, **more):
            dag = DAG(f"load_{name}", schedule_interval=every, default_args={"owner": "core", **more})
            with dag:
                last = None
                for n in range(2):
                    now = EmptyOperator(task_id=f"part_{n}")
                    if last:
                        last >> now
                    last = now
            return dag
        """,
        many="""
        from common import make
        for name, every in {"a": "@daily", "b": "@hourly"}.items():
            globals()[name] = make(name, every, retries=2)
        """,
    )
    assert [(dag.id, dag.schedule["value"], dag.place) for dag in found.dags] == [
        ("load_a", "@daily", "common.py:4"),
        ("load_b", "@hourly", "common.py:4"),
    ]
    assert [[task.id for task in dag.tasks] for dag in found.dags] == [["part_0", "part_1"]] * 2
    assert found.dags[0].tasks[0].settings == {"owner": "core", "retries": 2}
    assert found.unresolved == []


def test_operators_of_the_folder_and_partials(read: Callable[..., Inventory]) -> None:
    found = read(
        plugins__own="""
        from airflow.plugins_manager import AirflowPlugin
        from airflow.sensors.external_task import ExternalTaskSensor
        class Waits(ExternalTaskSensor): pass
        class OwnPlugin(AirflowPlugin):
            name = "own"
        """,
        one=HEAD
        + """
from plugins.own import Waits
quick = functools.partial(EmptyOperator, retries=1, pool="fast")
with DAG("one", schedule=None):
    quick(task_id="a") >> [quick(task_id=n) for n in ("b", "c")] >> Waits(task_id="w", external_dag_id="one_more")
DAG("one_more", schedule=None)
""",
    )
    dag = found.dags[0]
    assert [(task.id, task.operator, task.settings.get("pool")) for task in dag.tasks] == [
        ("a", "EmptyOperator", "fast"),
        ("b", "EmptyOperator", "fast"),
        ("c", "EmptyOperator", "fast"),
        ("w", "Waits", None),
    ]
    assert dag.edges() == [("a", "b"), ("a", "c"), ("b", "w"), ("c", "w")]
    assert (dag.tasks[3].kind, dag.tasks[3].module) == ("sensor", "plugins/own.py")
    assert [(one.upstream, one.downstream, one.kind) for one in found.dependencies] == [("one_more", "one", "sensor")]
    assert found.plugins == [{"name": "OwnPlugin", "place": "plugins/own.py:4"}]


def test_edges_however_they_are_written(only: Callable[[str], Dag]) -> None:
    dag = only(
        HEAD
        + """
from airflow.models.baseoperator import chain, cross_downstream
from airflow.utils.edgemodifier import Label
with DAG("one", schedule=None) as dag:
    a, b, c, d, e, f = [EmptyOperator(task_id=n) for n in "a b c d e f".split()]
    b << a
    a.set_downstream([c, d])
    chain(c, [d, e], f)
    cross_downstream([a], [e, f])
    b >> Label("bad") >> f
    dag.set_dependency("b", "c")
"""
    )
    pairs = {"ab", "ac", "ad", "cd", "ce", "df", "ef", "ae", "af", "bf", "bc"}
    assert sorted(dag.edges()) == sorted((before, after) for before, after in pairs)


def test_nothing_is_run(read: Callable[..., Inventory], tmp_path: Path) -> None:
    marker = tmp_path / "was_run"
    write = f"__import__('pathlib').Path({str(marker)!r}).write_text('x')"
    found = read(one=f"from airflow import DAG\n{write}\nclass A:\n    {write}\ndag = DAG(str({write}) and 'a')\n")
    assert len(found.dags) == 1
    assert not marker.exists()
    exec(write)  # noqa: S102 - what it would have done
    assert marker.exists()
