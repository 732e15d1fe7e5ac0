"""Calls that are not resolved are told where they may make something; edges, paths and ids are what they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from dagtexts import HEAD, dag_of, kinds, task_ids

if TYPE_CHECKING:
    from collections.abc import Callable

    from counterpoint_migrate.inventory import Dag, Inventory


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("SparkJob(name='heavy', cores=4)", 1),
        ("x = TaskFactory('shop')\nx.extract('a') >> x.load('b')", 3),
        ("spark_step('extract')", 1),
        ("heavy()", 1),
        ("SparkJob('x').attach(holder)", 1),
        ("unknown_name('x')", 1),
        ("yaml.safe_load(open('f'))", 0),
        ("boto3.client('s3').list_buckets()", 0),
        ("json.loads('1')", 0),
        ("print(holder)", 0),
        ("BashOperator(task_id='t', bash_command='x', env=yaml.safe_load('x'))", 0),
        ("BashOperator(task_id='t', bash_command='x', env=ProjectConfig(a=1))", 0),
        ("config = yaml.safe_load('x')\nconfig.get('a').items()", 0),
    ],
)
def test_calls_that_may_make_tasks_are_told(read: Callable[..., Inventory], body: str, told: int) -> None:
    imports = """import boto3, json, yaml
from cosmos import ProjectConfig
from teamlib.decorators import spark_task
from teamlib.blocks import SparkJob, TaskFactory, spark_step
@spark_task(cores=4)
def heavy():
    return 1
"""
    found = read(one=dag_of(body).replace("\nwith DAG", f"\n{imports}\nwith DAG"))
    assert sum(entry.kind == "out_of_sight" for entry in found.unresolved) == told


def test_a_call_that_is_given_a_dag_is_told(read: Callable[..., Inventory]) -> None:
    text = "from teamlib import step\nit = DAG('it', schedule=None)\na = step('x', dag=it)\na >> step('y', dag=it)\n"
    found = read(one=f"{HEAD}\n{text}")
    assert {entry.place for entry in found.unresolved if entry.kind == "out_of_sight"} == {"one.py:19", "one.py:20"}
    assert "edge" in kinds(found)
    assert found.dags[0].to_dict()["tasks_known"] is False


def test_a_dag_in_which_nothing_is_seen_is_told(read: Callable[..., Inventory]) -> None:
    assert "no_tasks" in kinds(read(one=dag_of("for step in []:\n    EmptyOperator(task_id=step)")))


def test_decorators_are_also_called(only: Callable[[str], Dag]) -> None:
    body = "def body():\n    task(one)()\n    task(task_id='two')(one)()\n    task.python(one)()\n"
    text = f"def one():\n    return 1\n{body}"
    dag = only(f"{HEAD}\n{text}dag(dag_id='by_call', schedule=None)(body)()\n")
    assert (dag.id, [(task.id, task.operator) for task in dag.tasks]) == (
        "by_call",
        [("one", "task"), ("two", "task"), ("one__1", "task")],
    )


def test_a_group_made_out_of_sight_is_told_with_its_connection(read: Callable[..., Inventory]) -> None:
    group = "models = DbtTaskGroup(group_id='models', profile_config=Profile(mapping=Mapping(conn_id='warehouse')))"
    body = f"{group}\nEmptyOperator(task_id='before') >> models >> EmptyOperator(task_id='after')"
    found = read(
        one=dag_of(body).replace("\nwith DAG", "\nfrom cosmos import DbtTaskGroup, Mapping, Profile\nwith DAG")
    )
    assert (kinds(found), found.dags[0].uses.connections) == ({"out_of_sight"}, {"warehouse"})


def test_default_args_give_connections_to_operators_that_take_them(only: Callable[[str], Dag]) -> None:
    body = "SQLExecuteQueryOperator(task_id='q', sql='select 1')\nEmptyOperator(task_id='e')"
    dag = only(dag_of(body, ", default_args={'conn_id': 'warehouse'}"))
    assert [task.uses.connections for task in dag.tasks] == [{"warehouse"}, set()]


def test_default_args_give_own_operators_their_parameters(only: Callable[[str], Dag]) -> None:
    own = """class Own(BaseOperator):
    def __init__(self, pg_conn_id="pg", **kwargs):
        super().__init__(**kwargs)
        self.name = pg_conn_id
    def execute(self, context):
        return PostgresHook(self.name).run("select 1")
"""
    text = dag_of("Own(task_id='a')\nOwn(task_id='b', pg_conn_id='own')", ", default_args={'pg_conn_id': 'given'}")
    dag = only(text.replace("\nwith DAG", f"\n{own}\nwith DAG"))
    assert [task.uses.connections for task in dag.tasks] == [{"given"}, {"own"}]


def test_a_dag_belongs_to_the_file_that_calls_its_factory(read: Callable[..., Inventory]) -> None:
    body = "    with DAG(name, schedule='@daily') as made:\n        EmptyOperator(task_id='t')\n    return made"
    make = f"def make(name):\n{body}"
    limit = "from airflow.models import Variable\nfrom factory import make\nLIMIT = Variable.get('limit')"
    found = read(
        factory=f"{HEAD}\n{make}\n",
        sales=f"{limit}\ndag = make('sales')\n",
        stock="from factory import make\ndag = make('stock')\n",
    )
    assert {dag.id: (dag.place, dag.called_from, dag.uses.variables) for dag in found.dags} == {
        "sales": ("factory.py:18", "sales.py:4", {"limit"}),
        "stock": ("factory.py:18", "stock.py:2", set()),
    }
    assert [(file["path"], file["dags"]) for file in found.files] == [
        ("factory.py", 0),
        ("sales.py", 1),
        ("stock.py", 1),
    ]


@pytest.mark.parametrize(
    ("body", "edges"),
    [
        ("loads = list()\nloads.append(a)\nloads += [b]\nloads >> c", ["ac", "bc"]),
        ("[x for x in (a, b)] >> c", ["ac", "bc"]),
        ("d = {'x': a}\nd['x'] >> b\nd.get('y', b) >> c", ["ab", "bc"]),
        ("def f(x):\n    return x\nf(a) >> b", ["ab"]),
        ("for x, y in zip([a, b], [b, c]):\n    x >> y", ["ab", "bc"]),
        ("a.set_downstream(b)\nc.set_upstream([b])", ["ab", "bc"]),
        ("holder.get_task('a') >> b", ["ab"]),
    ],
)
def test_edges_are_followed(only: Callable[[str], Dag], body: str, edges: list[str]) -> None:
    start = "a, b, c = (EmptyOperator(task_id=n) for n in 'abc')"
    assert ["".join(edge) for edge in only(dag_of(f"{start}\n{body}")).edges()] == edges


def test_groups_that_are_arguments(only: Callable[[str], Dag]) -> None:
    dag = only(
        f"""{HEAD}
it = DAG("it", schedule=None)
tg = TaskGroup("g", dag=it)
a = EmptyOperator(task_id="a", task_group=tg, dag=it)
b = EmptyOperator(task_id="b", task_group=tg, dag=it)
end = EmptyOperator(task_id="end", dag=it)
a >> b
tg >> end
"""
    )
    assert (dag.edges(), [task.uses.xcom for task in dag.tasks]) == ([("g.a", "g.b"), ("g.b", "end")], [[], [], []])


def test_outputs_that_are_mapped_and_zipped(only: Callable[[str], Dag]) -> None:
    calls = "load.expand(x=names().map(str))\nload.override(task_id='z').expand(x=names().zip(more()))"
    functions = "\n".join(f"@task\ndef {name}(x=1):\n    return [1]" for name in ("names", "more", "load"))
    assert only(dag_of(f"{functions}\n{calls}")).edges() == [("names", "load"), ("names__1", "z"), ("more", "z")]


def test_paths_below_what_is_not_known(read: Callable[..., Inventory]) -> None:
    found = read(
        one=f"""{HEAD}
BASE = os.environ.get("BASE", "/srv/etl/files")
OTHER = Variable.get("other", default_var="/srv/etl/files")
def seed():
    open(os.path.join(BASE, "seed.csv"), "w").write("x")
    open(os.path.join(OTHER, "seed.csv"), "w").write("x")
def use():
    return open(os.path.join(BASE, "prices.csv")).read()
def same():
    return open(os.path.join(BASE, "seed.csv"), "rb+").read()
for name, code in [("seeds", seed), ("uses", use), ("same", same)]:
    with DAG(name, schedule=None):
        PythonOperator(task_id="t", python_callable=code)
"""
    )
    uses: dict[str, Any] = {dag.id: dag.tasks[0].uses for dag in found.dags}
    assert (uses["seeds"].writes, uses["uses"].reads) == ({"$BASE/seed.csv"}, {"$BASE/prices.csv"})
    assert (uses["same"].writes, uses["same"].mentions) == (set(), {"$BASE/seed.csv"})
    assert ("seeds", "uses") not in [(one.upstream, one.downstream) for one in found.dependencies]


def test_two_dags_of_one_id_are_told(read: Callable[..., Inventory]) -> None:
    text = f"{HEAD}\nwith DAG('twice', schedule=None):\n    EmptyOperator(task_id='t')\n"
    found = read(one=text, two=text)
    assert [(entry.kind, entry.place) for entry in found.unresolved] == [
        ("duplicate_id", "one.py:17"),
        ("duplicate_id", "two.py:17"),
    ]
    either = "if os.environ.get('X'):\n    DAG('it', schedule=None)\nelse:\n    DAG('it', schedule='@daily')\n"
    assert "duplicate_id" not in kinds(read(one=f"{HEAD}\n{either}", two=""))


def test_templates_are_no_ids(read: Callable[..., Inventory]) -> None:
    trigger = "TriggerDagRunOperator(task_id='fire', trigger_dag_id=\"{{ dag_run.conf['next'] }}\")"
    wait = "ExternalTaskSensor(task_id='wait', external_dag_id='{{ var.value.upstream }}')"
    found = read(one=dag_of(f"{trigger}\n{wait}"))
    assert (found.dependencies, kinds(found)) == ([], {"external_id"})


def test_usual_factories(read: Callable[..., Inventory]) -> None:
    found = read(
        dags__common__parts=f"{HEAD}\ndef add(dag):\n    EmptyOperator(task_id='t', dag=dag)\n",
        dags__team__one=f"""{HEAD}
from common.parts import add
def make(name, schedule=None, args=None):
    if schedule is None:
        schedule = "@daily"
    args = args or {{"owner": "core"}}
    made = DAG(name, schedule=schedule, default_args=args)
    add(made)
    return made
first = make("first")
second = make("second", "@hourly", {{"owner": "ads"}})
with DAG("third", schedule=None):
    ExternalTaskSensor(task_id="wait", external_dag_id=first.dag_id)
""",
    )
    assert [(dag.id, dag.schedule["value"], dag.owners, task_ids(dag)) for dag in found.dags] == [
        ("first", "@daily", ["core"], ["t"]),
        ("second", "@hourly", ["ads"], ["t"]),
        ("third", None, [], ["wait"]),
    ]
    assert [(one.upstream, one.downstream) for one in found.dependencies if one.kind == "sensor"] == [
        ("first", "third")
    ]
    assert found.unresolved == []


def test_variables_and_connections_by_subscript(only: Callable[[str], Dag]) -> None:
    command = (
        "{{ var.value['region'] }} {{ conn['shop_db'].host }} {{ var.value.get('tier', 'x') }} {{ var.json.cfg.key }}"
    )
    body = f'def keep():\n    Variable.set("mark", "x")\nBashOperator(task_id="b", bash_command="""{command}""")\n'
    dag = only(dag_of(f"{body}PythonOperator(task_id='p', python_callable=keep)"))
    assert (dag.tasks[0].uses.variables, dag.tasks[0].uses.connections) == ({"region", "tier", "cfg"}, {"shop_db"})
    assert (dag.tasks[1].uses.variables, dag.tasks[1].uses.variables_set) == ({"mark"}, {"mark"})


@pytest.mark.parametrize(
    "change",
    ["a.retries = pick()", "x = pick()\nx >> a", "holder.fill()", "chain(a, *pick())", "holder.schedule = pick()"],
)
def test_what_is_changed_by_what_is_not_known_is_told(read: Callable[..., Inventory], change: str) -> None:
    text = dag_of(f"a = EmptyOperator(task_id='a', retries=1)\n{change}")
    found = read(one=text.replace("\nwith DAG", "\nfrom airflow.models.baseoperator import chain\nwith DAG"))
    assert found.unresolved or not isinstance(found.dags[0].tasks[0].settings["retries"], int)
