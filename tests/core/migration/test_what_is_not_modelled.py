"""What the inventory reads is as Python runs it: loops, branches, mutations, methods; or it is said not to be known."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from dagtexts import HEAD, dag_of, ids, kinds, task_ids

if TYPE_CHECKING:
    from collections.abc import Callable

    from counterpoint_migrate.inventory import Dag, Inventory


def test_names_of_callbacks_do_not_show_objects_of_the_reader(read: Callable[..., Inventory]) -> None:
    chain = {
        f"lib{n}": f"from lib{n + 1} import a as x, b as y\ndef a(c):\n    return x(c)\ndef b(c):\n    return y(c)\n"
        for n in range(30)
    }
    text = f"{HEAD}\nfrom lib0 import a\nwith DAG('it', schedule=None, on_failure_callback=partial(a, level='dag')):\n"
    found = read(**chain, one=text + "    EmptyOperator(task_id='t', on_retry_callback=[a, partial(a, 1)])\n")
    document = json.dumps(found.to_dict())
    assert "object at 0x" not in document
    assert found.dags[0].to_dict()["settings"]["on_failure_callback"] == {"expression": "partial(a, level='dag')"}
    assert document == json.dumps(read(**chain).to_dict())


def test_an_asset_of_one_environment_variable_is_one_asset(read: Callable[..., Inventory]) -> None:
    found = read(
        one=f"""{HEAD}
OUT = os.getenv("OUT_URI")
with DAG("makes", schedule="@daily"):
    EmptyOperator(task_id="go", outlets=[Dataset(OUT)])
with DAG("takes", schedule=[Dataset(OUT)]):
    EmptyOperator(task_id="go")
"""
    )
    assert [(one.upstream, one.downstream) for one in found.dependencies if one.kind == "asset"] == [("makes", "takes")]
    assert {entry.detail for entry in found.unresolved if entry.kind == "asset"} == {
        "the address of Dataset(OUT) is not known"
    }


@pytest.mark.parametrize(
    "fill",
    [
        "names[row['a']] = 1",
        "names.setdefault(row['a'], 1)",
        "names.update({row['a']: 1})",
        "names |= {row['a']: 1}",
        "fill(names, row)",
        "others(names)",
    ],
)
def test_a_dict_that_is_filled_out_of_sight_is_not_empty(read: Callable[..., Inventory], fill: str) -> None:
    found = read(
        one=f"""{HEAD}
from elsewhere import others
def fill(names, row):
    names[row['b']] = 2
names = {{}}
for row in csv.DictReader(open('feeds.csv')):
    {fill}
for name in names:
    DAG(f'feed_{{name}}', schedule='@daily')
"""
    )
    assert (len(found.dags) >= 1, "generated_dags" in kinds(found)) == (True, True)


@pytest.mark.parametrize(
    "fill",
    ["names.insert(0, row)", "names.extend(row)", "names += row", "names.append(row)", "names[len(names):] = row"],
)
def test_a_list_that_is_filled_in_a_loop_is_not_empty(read: Callable[..., Inventory], fill: str) -> None:
    loop = f"names = []\nfor row in csv.reader(open('f')):\n    {fill}\n"
    found = read(one=f"{HEAD}\n{loop}for name in names:\n    DAG(f'feed_{{name}}', schedule='@daily')\n")
    assert (len(found.dags), "generated_dags" in kinds(found)) == (1, True)


def test_methods_are_followed(read: Callable[..., Inventory]) -> None:
    found = read(
        one=f"""{HEAD}
class Base:
    prefix = "x"
    def __init__(self, name):
        self.name = name
    @property
    def title(self):
        return f"{{self.prefix}}_{{self.name}}"
    def make(self):
        with DAG(self.title, schedule="@daily") as made:
            self.add(made)
        return made
    def add(self, holder):
        pull = BashOperator(task_id="pull", bash_command="x", dag=holder)
        pull >> BashOperator(task_id="push", bash_command="x", pool="narrow", dag=holder)
class Own(Base):
    prefix = "own"
    def add(self, holder):
        super().add(holder)
        EmptyOperator(task_id="more", dag=holder)
one = Base("alpha").make()
two = Own("beta").make()
"""
    )
    assert found.unresolved == []
    assert [(dag.id, task_ids(dag), dag.edges()) for dag in found.dags] == [
        ("own_beta", ["pull", "push", "more"], [("pull", "push")]),
        ("x_alpha", ["pull", "push"], [("pull", "push")]),
    ]


def test_the_code_of_own_operators_and_of_methods_is_read(read: Callable[..., Inventory]) -> None:
    found = read(
        one=f"""{HEAD}
class Fill(BaseOperator):
    def __init__(self, table, conn_id="warehouse", **kwargs):
        super().__init__(**kwargs)
        self.table = table
    def execute(self, context):
        context["ti"].xcom_push(key="n", value=1)
        PostgresHook("ledger").run("insert into mart.fill select 1")
        return Variable.get("fill_limit")
class Loader:
    def run(self):
        PostgresHook(postgres_conn_id="stock").run("insert into mart.a select 1")
        return Variable.get("limit")
with DAG("it", schedule=None):
    Fill(task_id="fill", table="x")
    PythonOperator(task_id="load", python_callable=Loader().run)
"""
    )
    fill, load = (task.uses for task in found.dags[0].tasks)
    assert (fill.variables, fill.connections, fill.writes) == ({"fill_limit"}, {"warehouse", "ledger"}, {"mart.fill"})
    assert (load.variables, load.connections, load.writes) == ({"limit"}, {"stock"}, {"mart.a"})


@pytest.mark.parametrize(
    ("loop", "expected"),
    [
        ("for n in 'abc':\n    if n == 'b':\n        continue\n    {dag}", ["a", "c"]),
        ("for n in 'abc':\n    if n == 'b':\n        break\n    {dag}", ["a"]),
        ("for n in 'ab':\n    if n == 'z':\n        break\n    {dag}\nelse:\n    n = 'e'\n    {dag}", ["a", "b", "e"]),
        (
            "n = 0\nwhile True:\n    n += 1\n    if n == 2:\n        continue\n    if n > 3:\n        break\n    {one}",
            ["1", "3"],
        ),
        ("for i, n in enumerate('ab', start=1):\n    n = f'{{n}}{{i}}'\n    {dag}", ["a1", "b2"]),
        ("for n, m in dict(zip('ab', 'cd')).items():\n    n += m\n    {dag}", ["ac", "bd"]),
        ("for n in dict([('a', 1)]):\n    {dag}", ["a"]),
        ("for n in sorted('ba', reverse=True):\n    {dag}", ["b", "a"]),
        ("for n in sorted(['bb', 'a'], key=len):\n    {dag}", ["a", "bb"]),
        ("for n in set(['a', 'a']):\n    {dag}", ["a"]),
        ("for n in list(reversed(tuple('ab'))):\n    {dag}", ["b", "a"]),
        (
            "ns = ['a', 'b', 'old']\nns.remove('old')\nns.insert(0, 'c')\ndel ns[1]\nfor n in ns:\n    {dag}",
            ["c", "b"],
        ),
        ("for n in [x for x in 'abc' if x >= 'b']:\n    {dag}", ["b", "c"]),
        ("for n in 'abc'[1:]:\n    {dag}", ["b", "c"]),
        ("first, *rest = 'abc'\nfor n in rest:\n    {dag}", ["b", "c"]),
    ],
)
def test_loops_run_as_python_runs_them(read: Callable[..., Inventory], loop: str, expected: list[str]) -> None:
    found = read(one=f"{HEAD}\n" + loop.format(dag="DAG(n, schedule=None)", one="DAG(str(n), schedule=None)"))
    assert (ids(found), found.unresolved) == (sorted(expected), [])


def test_a_loop_that_changes_what_it_goes_through_is_told(read: Callable[..., Inventory]) -> None:
    loop = "names = ['a']\nfor n in names:\n    if n == 'a':\n        names.append('b')\n    DAG(n, schedule=None)\n"
    assert [entry.kind for entry in read(one=f"{HEAD}\n{loop}").unresolved] == ["loop"]


@pytest.mark.parametrize("copied", ["copy.deepcopy(BASE)", "copy.copy(BASE)", "dict(BASE)", "{**BASE}", "BASE.copy()"])
def test_a_copy_is_changed_alone(read: Callable[..., Inventory], copied: str) -> None:
    found = read(
        one=f"""{HEAD}
BASE = {{"owner": "core", "retries": 1, "params": {{"x": 1}}}}
mine = {copied}
mine["owner"] = "ads"
same = BASE
same["pool"] = "shared"
with DAG("mine", schedule=None, default_args=mine):
    EmptyOperator(task_id="t")
with DAG("core", schedule=None, default_args=BASE):
    EmptyOperator(task_id="t")
"""
    )
    assert [(dag.owners, dag.tasks[0].settings.get("pool")) for dag in found.dags] == [
        (["ads"], None),
        (["core"], "shared"),
    ]


def test_each_file_is_read_in_a_process_of_its_own(read: Callable[..., Inventory]) -> None:
    use = "\nwith DAG('{}', schedule=None, default_args=default_args):\n    EmptyOperator(task_id='t')\n"
    found = read(
        common="default_args = {'owner': 'core', 'retries': 1}\n",
        a_ads=f"{HEAD}\nfrom common import default_args\ndefault_args.update(owner='ads', pool='p')\n"
        + use.format("ads"),
        b_core=f"{HEAD}\nfrom common import default_args\n" + use.format("core"),
        c_both=f"{HEAD}\nimport a_ads\nfrom common import default_args\n" + use.format("both"),
    )
    owners = {dag.id: (dag.defaults.get("owner"), dag.defaults.get("pool")) for dag in found.dags}
    assert (owners["ads"], owners["core"]) == (("ads", "p"), ("core", None))
    assert "both" in {entry.detail.split("DAG ")[-1].split(" ")[0] for entry in found.unresolved}


def test_default_args_are_changed_as_python_changes_them(only: Callable[[str], Dag]) -> None:
    changes = "args.pop('pool')\ndel args['retries']\nargs.setdefault('queue', 'big')\nargs.setdefault('owner', 'x')"
    start = "args = {'owner': 'core', 'retries': 3, 'pool': 'narrow'}"
    dag = only(
        f"{HEAD}\n{start}\n{changes}\n" + dag_of("EmptyOperator(task_id='t')", ", default_args=args")[len(HEAD) :]
    )
    assert dag.tasks[0].settings == {"owner": "core", "queue": "big"}


def test_what_an_unknown_branch_changes_may_be_changed(read: Callable[..., Inventory]) -> None:
    found = read(
        one=f"""{HEAD}
args, steps = {{"retries": 1}}, ["one"]
if os.environ.get("STAGE") == "prod":
    args["retries"] = 9
    args.update(pool="prod_pool")
    steps.append("two")
with DAG("it", schedule="@daily", default_args=args):
    for step in steps:
        EmptyOperator(task_id=step)
"""
    )
    one, two = found.dags[0].tasks
    assert one.to_dict()["settings"] == {
        "pool": {"expression": "'prod_pool' or not given"},
        "retries": {"expression": "9 or 1"},
    }
    assert (one.condition, two.condition) == (None, "os.environ.get('STAGE') == 'prod'")


def test_a_function_that_may_return_early_gives_one_of_several(read: Callable[..., Inventory]) -> None:
    found = read(
        one=f"""{HEAD}
def when():
    if os.environ.get("STAGE") == "prod":
        return "@hourly"
    return "@daily"
DAG("priced", schedule=when())
def build(name):
    if not os.environ.get(name):
        return None
    return DAG(name, schedule="@daily")
build("maybe")
"""
    )
    priced, maybe = found.dags
    assert (priced.schedule["kind"], priced.schedule["expression"]) == ("unknown", "'@hourly' or '@daily'")
    assert maybe.condition == "not (not os.environ.get(name))"
    assert kinds(found) == {"schedule", "condition"}


def test_what_a_handler_makes_is_made_only_if_the_try_fails(read: Callable[..., Inventory]) -> None:
    attempt = (
        "try:\n    import rareml\n    DAG('full', schedule=None)\nexcept ImportError:\n    DAG('less', schedule=None)"
    )
    found = read(one=f"{HEAD}\n{attempt}\n")
    conditions = {dag.id: dag.condition for dag in found.dags}
    assert conditions == {"full": "the try at one.py:17 does not fail", "less": "the try at one.py:17 fails"}


def test_numbers_are_compared(only: Callable[[str], Dag]) -> None:
    loop = "for i in range(3):\n    if i > 0:\n        steps[i - 1] >> steps[i]"
    dag = only(dag_of(f"steps = [EmptyOperator(task_id=f's{{i}}') for i in range(3)]\n{loop}"))
    assert dag.edges() == [("s0", "s1"), ("s1", "s2")]


def test_a_class_rests_on_all_its_bases(read: Callable[..., Inventory]) -> None:
    found = read(
        one=f"""{HEAD}
class Loud:
    def shout(self):
        return 1
class Fetch(Loud, BaseOperator):
    def execute(self, context):
        return 1
class Wait(Loud, ExternalTaskSensor):
    pass
class FilesThere(BaseSensorOperator):
    def poke(self, context):
        return True
with DAG("up", schedule="@daily"):
    FilesThere(task_id="go")
with DAG("mixed", schedule="@daily"):
    Wait(task_id="wait", external_dag_id="up") >> Fetch(task_id="fetch")
"""
    )
    up, mixed = found.dags
    assert ([task.kind for task in up.tasks], mixed.edges()) == (["sensor"], [("wait", "fetch")])
    assert [(one.upstream, one.downstream, one.confidence) for one in found.dependencies if one.kind == "sensor"] == [
        ("up", "mixed", "certain")
    ]
