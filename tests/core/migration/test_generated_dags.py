"""DAGs that dag-factory, gusty and Cosmos make of other files of the folder."""

from __future__ import annotations

import json
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint_migrate.inventory import inventory
from counterpoint_migrate.inventory.yaml_values import load
from counterpoint_migrate.plan import plan

if TYPE_CHECKING:
    from pathlib import Path


def write(folder: Path, **files: str) -> Path:
    """Writes files by path: `__` stands for a slash, a last `_` for the dot before the ending."""
    for name, text in files.items():
        stem, _, ending = name.replace("__", "/").rpartition("_")
        path = folder / f"{stem}.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
    return folder


LOADER = """
from pathlib import Path
from airflow import DAG
import dagfactory
factory = dagfactory.DagFactory(str(Path(__file__).parent / "configs" / "shop.yml"))
factory.clean_dags(globals())
factory.generate_dags(globals())
"""
SHOP = """
default:
  default_args:
    owner: shop
    start_date: 2024-01-01
    retries: 1
    retry_delay_sec: 300
  schedule_interval: "0 3 * * *"
orders:
  default_args: {owner: orders}
  tasks:
    extract:
      operator: airflow.operators.bash.BashOperator
      bash_command: "get {{ ds }} > /lake/orders.csv"
    load:
      operator: airflow.operators.python.PythonOperator
      python_callable_name: load
      python_callable_file: /usr/local/airflow/dags/code/functions.py
      dependencies: [extract]
      task_group_name: inner
  task_groups:
    inner: {tooltip: x}
report:
  schedule: ["s3://lake/orders"]
  tasks:
    - task_id: wait
      operator: airflow.sensors.external_task.ExternalTaskSensor
      external_dag_id: orders
      execution_delta: {__type__: datetime.timedelta, hours: 2}
    - {task_id: fetch, decorator: airflow.decorators.task, python_callable: x.y.z, dependencies: [wait, gone]}
"""


def test_dag_factory(tmp_path: Path) -> None:
    found = inventory(
        write(
            tmp_path,
            load_py=LOADER,
            configs__shop_yml=SHOP,
            configs__stray_yml="stray:\n  tasks:\n    a: {operator: a.b.COperator}\n",
            configs__other_yml="key: [1, 2]\n",
            code__functions_py="def load(**context):\n    return context['ds']\n",
        )
    )
    orders, report = found.dags
    assert (orders.id, orders.schedule["value"], orders.owners) == ("orders", "0 3 * * *", ["orders"])
    assert [(task.id, task.settings["retries"]) for task in orders.tasks] == [("extract", 1), ("inner.load", 1)]
    assert orders.to_dict()["tasks"][0]["settings"]["retry_delay"] == 300
    assert (orders.edges(), report.edges()) == ([("extract", "inner.load")], [("wait", "fetch")])
    assert (orders.place, orders.tasks[1].place) == ("configs/shop.yml:8", "configs/shop.yml:14")
    assert report.schedule["assets"] == ["s3://lake/orders"]
    assert [(one.upstream, one.downstream, one.offset) for one in found.dependencies] == [
        ("orders", "report", "execution_delta=2 h")
    ]
    assert sorted((entry.kind, entry.place.partition(":")[0]) for entry in found.unresolved) == [
        ("outside", "configs/shop.yml"),
        ("yaml", "configs/shop.yml"),
        ("yaml", "configs/stray.yml"),
    ]
    needs = {need.name: [place.place for place in need.places] for need in plan(found).move("orders").needs}
    assert needs["interval"] == ["configs/shop.yml:11", "configs/shop.yml:14"]
    assert {entry["path"]: entry["dags"] for entry in found.files}["configs/shop.yml"] == 2


def test_a_loader_of_files_that_are_not_there_stays_unknown(tmp_path: Path) -> None:
    found = inventory(write(tmp_path, load_py=LOADER.replace("shop.yml", "gone.yml"), configs__shop_yml=SHOP))
    assert found.dags == []
    assert {"dag_factory", "yaml"} == {entry.kind for entry in found.unresolved}


def test_all_files_of_load_yaml_dags(tmp_path: Path) -> None:
    loader = "from dagfactory import load_yaml_dags\nload_yaml_dags(globals_dict=globals(), suffix=['_dag.yml'])\n"
    found = inventory(write(tmp_path, load_py=loader, a_dag_yml=SHOP, b_yml=SHOP.replace("orders:", "bills:")))
    assert [dag.id for dag in found.dags] == ["orders", "report"]
    assert [entry.place for entry in found.unresolved if "no file of this folder loads it" in entry.detail] == [
        "b.yml:1"
    ]


def test_a_broken_file_of_dags_is_told(tmp_path: Path) -> None:
    found = inventory(write(tmp_path, load_py=LOADER, configs__shop_yml="a:\n  tasks: {b: {operator: [}}\n"))
    assert [(entry.place, entry.kind) for entry in found.unresolved if entry.kind == "yaml"] == [
        ("configs/shop.yml:1", "yaml")
    ]


NAMES = st.lists(st.sampled_from("abcdef"), unique=True, min_size=1, max_size=6)


@given(names=NAMES, edges=st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=8))
@settings(max_examples=40, deadline=None)
def test_every_task_and_edge_of_a_file_is_found(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], edges: set[tuple[int, int]]
) -> None:
    pairs = {(names[a], names[b]) for a, b in edges if a < b < len(names)}
    tasks = {
        name: {
            "operator": "airflow.operators.empty.EmptyOperator",
            "dependencies": sorted(a for a, b in pairs if b == name),
        }
        for name in names
    }
    folder = tmp_path_factory.mktemp("dags")
    write(folder, load_py=LOADER, configs__shop_yml=json.dumps({"made": {"schedule": None, "tasks": tasks}}))
    (dag,) = inventory(folder).dags
    assert ([task.id for task in dag.tasks], set(dag.edges())) == (names, pairs)


def test_values_of_yaml() -> None:
    with pytest.raises(ValueError, match="in line 2"):
        load("a: 1\n  b: [")
    assert load("a: !own x\nb: &x {c: 1}\nd: {<<: *x, e: 2}")["d"] == {"c": 1, "e": 2}


GUSTY = (
    "from airflow import DAG\nfrom gusty import create_dags\ncreate_dags('/usr/local/airflow/dags/dags', globals())\n"
)


def test_gusty(tmp_path: Path) -> None:
    found = inventory(
        write(
            tmp_path,
            load_py=GUSTY,
            dags__hello__METADATA_yml="schedule_interval: '1 0 * * *'\ndefault_args: {owner: meow, email: a@b.c}\n",
            dags__hello__hi_yml="operator: airflow.operators.bash.BashOperator\nbash_command: echo hi\n",
            dags__hello__sub__fill_sql="""
            ---
            operator: airflow.providers.postgres.operators.postgres.PostgresOperator
            dependencies: [hi]
            external_dependencies:
              - other: all
            ---
            INSERT INTO a.b SELECT * FROM c.d WHERE x = '{{ ds }}'
            """,
            dags__hello__say_py="# ---\n# dependencies: [sub]\n# python_callable: f\n# ---\ndef f(ds):\n    return 1\n",
        )
    )
    (dag,) = found.dags
    assert (dag.id, dag.schedule["value"], dag.owners) == ("hello", "1 0 * * *", ["meow"])
    assert sorted((task.id, task.place) for task in dag.tasks) == [
        ("hi", "dags/hello/hi.yml:1"),
        ("say", "dags/hello/say.py:1"),
        ("sub.fill", "dags/hello/sub/fill.sql:1"),
        ("wait_for_DAG_other", "dags/hello/METADATA.yml:1"),
    ]
    assert set(dag.edges()) == {("hi", "sub.fill"), ("sub.fill", "say"), ("wait_for_DAG_other", "sub.fill")}
    fill = next(task for task in dag.tasks if task.id == "sub.fill")
    assert (fill.uses.reads, fill.uses.writes) == ({"c.d"}, {"a.b"})
    assert [(entry.kind, entry.detail) for entry in found.unresolved] == [
        ("outside", "DAG other is not in this folder (sensor)")
    ]


COSMOS = """
from pathlib import Path
from airflow import DAG
from airflow.operators.empty import EmptyOperator
from cosmos import DbtDag, DbtTaskGroup, ProjectConfig, RenderConfig
from cosmos.constants import TestBehavior
with DAG("shop", schedule="@daily"):
    models = DbtTaskGroup(group_id="m", project_config=ProjectConfig("/usr/local/airflow/dags/dbt/shop"))
    EmptyOperator(task_id="pre") >> models >> EmptyOperator(task_id="post")
DbtDag(dag_id="some", project_config=ProjectConfig(Path(__file__).parent / "dbt" / "shop"), schedule=None,
       render_config=RenderConfig(select=["tag:x"], test_behavior=TestBehavior.AFTER_ALL))
DbtDag(dag_id="gone", project_config=ProjectConfig("/etc/elsewhere"), schedule=None)
"""
PROJECT = {
    "dbt__shop__dbt_project_yml": "name: shop\n",
    "dbt__shop__models__staging__stg_sql": "select * from {{ source('erp', 'orders') }} -- ref('mart')\n",
    "dbt__shop__models__mart_sql": "select * from {{ ref('stg') }} join {{ ref('countries') }} using (id)\n",
    "dbt__shop__models__off_sql": "{{ config(enabled=false) }} select * from {{ ref('stg') }}\n",
    "dbt__shop__seeds__countries_csv": "id\n",
    "dbt__shop__models__schema_yml": """
models:
  - {name: mart, columns: [{name: a, data_tests: [unique]}]}
sources:
  - {name: erp, schema: raw, tables: [{name: orders}]}
""",
}


def test_cosmos_by_the_files_of_the_project(tmp_path: Path) -> None:
    found = inventory(write(tmp_path, dags_py=COSMOS, **PROJECT))
    shop, some, gone = found.dags
    assert sorted(task.id for task in shop.tasks) == [
        "m.countries_seed", "m.mart.run", "m.mart.test", "m.stg_run", "post", "pre",
    ]  # fmt: skip
    assert set(shop.edges()) == {
        ("pre", "m.countries_seed"), ("pre", "m.stg_run"), ("m.countries_seed", "m.mart.run"),
        ("m.stg_run", "m.mart.run"), ("m.mart.run", "m.mart.test"), ("m.mart.test", "post"),
    }  # fmt: skip
    assert next(task for task in shop.tasks if task.id == "m.stg_run").uses.reads == {"raw.orders"}
    assert [task.id for task in some.tasks] == ["countries_seed", "mart_run", "stg_run", "test"]
    assert {task.condition for task in some.tasks} == {"select=['tag:x']"}
    assert gone.tasks == []
    told = [entry.detail for entry in found.unresolved if entry.kind == "dbt"]
    assert sorted(told) == [
        "RenderConfig(select=['tag:x']) leaves out some of these 3 nodes of the dbt project",
        "the dbt project of these tasks is not in this folder: '/etc/elsewhere'",
    ]
    planned = plan(found)
    assert planned.move("gone").score.score == 0
    assert [one for move in planned.dags for one in move.strangers] == []


def test_cosmos_by_a_manifest(tmp_path: Path) -> None:
    nodes = {
        "model.shop.a": {
            "resource_type": "model",
            "name": "a",
            "schema": "mart",
            "depends_on": {"nodes": ["source.x"]},
        },
        "model.shop.b": {
            "resource_type": "model",
            "name": "b",
            "schema": "mart",
            "depends_on": {"nodes": ["model.shop.a"]},
        },
        "test.shop.t": {"resource_type": "test", "name": "t", "depends_on": {"nodes": ["model.shop.b"]}},
        "analysis.shop.z": {"resource_type": "analysis", "name": "z"},
    }
    manifest = json.dumps({"nodes": nodes, "sources": {"source.x": {"name": "orders", "schema": "raw"}}})
    found = inventory(write(tmp_path, dags_py=COSMOS, dbt__shop__target__manifest_json=manifest, **PROJECT))
    assert sorted(task.id for task in found.dags[0].tasks) == ["m.a_run", "m.b.run", "m.b.test", "post", "pre"]
    assert [(task.uses.reads, task.uses.writes) for task in found.dags[0].tasks if task.id == "m.a_run"] == [
        ({"raw.orders"}, {"mart.a"})
    ]
    (tmp_path / "dbt" / "shop" / "target" / "manifest.json").write_text("[]", encoding="utf-8")
    broken = inventory(tmp_path)
    assert [entry.kind for entry in broken.unresolved if "it is no manifest of dbt" in entry.detail] == ["dbt"] * 2


def test_a_group_of_cosmos_has_its_name_and_its_connection(tmp_path: Path) -> None:
    group = """
from airflow import DAG
from cosmos import DbtTaskGroup, ProfileConfig, ProjectConfig
from cosmos.profiles import PostgresProfile
with DAG("shop", schedule=None):
    profile = ProfileConfig(mapping=PostgresProfile(conn_id="warehouse"))
    DbtTaskGroup("models", project_config=ProjectConfig("dbt/shop"), profile_config=profile)
"""
    found = inventory(write(tmp_path, dags_py=group, **PROJECT))
    (dag,) = found.dags
    assert {task.id.partition(".")[0] for task in dag.tasks} == {"models"}
    assert (dag.uses.connections, found.unresolved) == ({"warehouse"}, [])
