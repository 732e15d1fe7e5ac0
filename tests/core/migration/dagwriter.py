"""Writes DAG files as teams write them, with what no reader of source can know; Airflow itself says what they mean."""

from __future__ import annotations

from random import Random
from textwrap import indent

HEAD = """import copy, functools, itertools, os
from dataclasses import dataclass
from datetime import datetime
from airflow.sdk import DAG, TaskGroup, chain, cross_downstream, dag, task
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import BaseOperator
START = datetime(2024, 1, 1)
def asked(name):
    return os.environ.get(name) == "yes"
"""
# what only the machine knows, and whether the judge lets it hold
UNKNOWN = ("os.environ.get('EVAL_A') == 'yes'", "asked('EVAL_B')", "not os.environ.get('EVAL_C')", "asked('EVAL_D')")
SCHEDULES = ("'@daily'", "'@hourly'", "'0 5 * * *'", "None", "'@weekly'")


class Writer:
    """Writes one file.

    Args:
        seed: files of one seed are the same.
    """

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)  # noqa: S311 - no secret depends on it
        self.number = 0

    def text(self) -> str:
        """The source of the file."""
        blocks = [self.block() for _ in range(self.rng.randint(1, 2))]
        return HEAD + "\n".join(blocks) + "\n"

    def name(self, kind: str) -> str:
        self.number += 1
        return f"{kind}{self.number}"

    def pick(self, *choices: str) -> str:
        return self.rng.choice(choices)

    def test(self) -> str:
        return self.pick(*UNKNOWN, "1 < 2", "len('ab') > 2", "None is None", "'a' in ['b', 'c']", "not []")

    def schedule(self) -> str:
        return self.pick(*SCHEDULES)

    def block(self) -> str:
        kinds = (
            self.plain,
            self.loop,
            self.factory,
            self.builder,
            self.defaults,
            self.taskflow,
            self.attempt,
            self.groups,
            self.operators,
            self.chained,
            self.configured,
            self.decorated,
            self.counted,
            self.outside,
            self.collected,
            self.matched,
            self.registry,
            self.closures,
            self.subclassed,
            self.handed,
        )
        return self.rng.choice(kinds)()

    def values(self, letters: str = "abcd") -> tuple[str, str]:
        """Statements that make a list of texts, and its name."""
        name = self.name("names")
        parts = list(letters[: self.rng.randint(2, len(letters))])
        start = self.pick(
            repr(parts),
            f"list({parts!r})",
            f"'{','.join(parts)}'.split(',')",
            f"[x for x in {parts!r} if x != 'b']",
            f"sorted({parts!r}, reverse=True)",
            f"list(dict(zip({parts!r}, range(9))))",
            f"[x for x in {parts!r} if {self.test()}]",
            "os.environ.get('EVAL_NAMES', 'x,y').split(',')",
            f"{parts!r}[1:]",
            f"{parts!r} + (['z'] if {self.test()} else [])",
        )
        lines = [f"{name} = {start}"]
        for _ in range(self.rng.randint(0, 3)):
            change = self.pick(
                f"{name}.append('e')",
                f"{name}.insert(0, 'f')",
                f"{name}.extend(['g', 'h'])",
                f"{name} += ['i']",
                f"{name}.remove({name}[0])",
                f"{name}.pop()",
                f"{name}.sort()",
                f"{name}.reverse()",
                f"del {name}[0]",
                f"{name}[0] = 'j'",
                f"{name} = [n + 'k' for n in {name}]",
                f"{name}.extend(n + 'l' for n in list({name}))",
                f"other = {name}\nother.append('m')",
                f"other = copy.copy({name})\nother.append('o')",
                f"for extra in ['p', 'q']:\n    {name}.append(extra)",
                f"for extra in os.environ.get('EVAL_NAMES', 'x,y').split(','):\n    {name}.append(extra + 'r')",
                f"{name} = {name} + ['s'] if {self.test()} else list({name})",
                f"{name}[:] = {name}[:2]",
            )
            if self.rng.random() < 0.3:
                change = f"if {self.test()}:\n{indent(change, '    ')}"
            lines.append(change)
        lines.append(f"{name} = list(dict.fromkeys({name}))" if self.rng.random() < 0.3 else f"{name} = [*{name}]")
        return "\n".join(lines), name

    def tasks(self, ids: tuple[str, ...] = ("a", "b", "c")) -> str:
        """Tasks in a DAG, and edges between them."""
        lines = [f"{i} = {self.pick('EmptyOperator', 'EmptyOperator')}(task_id='{i}'{self.setting()})" for i in ids]
        a, b, c = ids
        lines.append(
            self.pick(
                f"{a} >> {b} >> {c}",
                f"{a} >> [{b}, {c}]",
                f"[{a}, {b}] >> {c}",
                f"{c} << {b} << {a}",
                f"chain({a}, [{b}, {c}])",
                f"cross_downstream([{a}], [{b}, {c}])",
                f"{a}.set_downstream([{b}, {c}])",
                f"if {self.test()}:\n    {a} >> {b}\n{b} >> {c}",
                f"{c}.set_upstream({a})",
                f"{a} >> ({b} if {self.test()} else {c})",
                f"ends = [{b}]\nif {self.test()}:\n    ends.append({c})\n{a} >> ends",
                f"for later in ({b}, {c}):\n    {a} >> later",
            )
        )
        return "\n".join(lines)

    def setting(self) -> str:
        return self.pick(
            "", "", ", retries=2", ", pool='narrow'", f", retries=3 if {self.test()} else 1", ", **{'retries': 4}"
        )

    def plain(self) -> str:
        name = self.name("dag")
        return f"with DAG('{name}', schedule={self.schedule()}, start_date=START):\n{indent(self.tasks(), '    ')}"

    def loop(self) -> str:
        """DAGs in a loop."""
        setup, names = self.values()
        kind = self.name("loop")
        head, element = self.rng.choice(
            [
                (f"for n in {names}:", "n"),
                (f"for i, n in enumerate({names}, start=2):", "f'{i}_{n}'"),
                (f"for n, every in dict(zip({names}, ['@daily', '@hourly', None, '@weekly'])).items():", "n"),
                (f"for n in sorted(set({names})):", "n"),
                (f"for n in reversed({names}):", "n"),
                (f"for i in range(len({names})):\n    n = {names}[i]", "n"),
            ]
        )
        leave = self.pick(
            "",
            "",
            "if n == 'b':\n    continue",
            f"if {self.test()}:\n    continue",
            "if n == 'c':\n    break",
            f"if n == 'a' and {self.test()}:\n    break",
        )
        schedule = "every" if "every" in head else self.schedule()
        body = f"""{leave}
key = {element}
with DAG(f'{kind}_{{key}}', schedule={schedule}, start_date=START):
{indent(self.tasks(), "    ")}"""
        return f"{setup}\n{head}\n{indent(body, '    ')}"

    def factory(self) -> str:
        name = self.name("make")
        guard = self.pick(
            "",
            f"    if {self.test()}:\n        return None\n",
            "    if schedule is None:\n        schedule = '@daily'\n",
            "    args = args or {'retries': 3}\n",
            f"    if {self.test()}:\n        args = {{'retries': 5}}\n",
        )
        calls = [
            f"one = {name}('{self.name('made')}')",
            f"two = {name}('{self.name('made')}', '@hourly')",
            f"three = {name}('{self.name('made')}', args={{'retries': 1, 'pool': 'p'}})",
            f"four = {name}(**{{'name': '{self.name('made')}', 'schedule': '@weekly'}})",
            f"five = functools.partial({name}, schedule=None)('{self.name('made')}')",
            f"if {self.test()}:\n    six = {name}('{self.name('made')}')",
            f"seven = (lambda n: {name}(n, '@daily'))('{self.name('made')}')",
            f"eight = {name}(*['{self.name('made')}', '@hourly'])",
        ]
        chosen = "\n".join(self.rng.sample(calls, 3))
        return f"""def {name}(name, schedule=None, args=None):
{guard}    with DAG(name, schedule=schedule, default_args=args or {{}}, start_date=START) as made:
{indent(self.tasks(), "        ")}
    return made
{chosen}"""

    def builder(self) -> str:
        name, dag_id = self.name("Builder"), self.name("built")
        return f"""class {name}:
    kind = 'x'
    def __init__(self, name, extra=()):
        self.name = name
        self.extra = list(extra)
    def more(self, step):
        self.extra.append(step)
        return self
    def add(self, the_dag):
        last = None
        for step in self.extra:
            now = EmptyOperator(task_id=f'{{self.kind}}_{{step}}', dag=the_dag)
            if last is not None:
                last >> now
            last = now
    def make(self):
        with DAG(self.name, schedule={self.schedule()}, start_date=START) as made:
{indent(self.tasks(), "            ")}
        self.add(made)
        return made
{dag_id} = {name}('{dag_id}', ['m']).more('n').more('o').make()
{dag_id}_b = {name}('{dag_id}_b', {self.pick("['m']", "os.environ.get('EVAL_NAMES', 'x,y').split(',')")}).make()"""

    def defaults(self) -> str:
        """default_args that are changed before they are used."""
        args, dag_id = self.name("args"), self.name("settled")
        changes = []
        for _ in range(self.rng.randint(1, 4)):
            change = self.pick(
                f"{args}['retries'] = 7",
                f"{args}.update(pool='q', retries=8)",
                f"{args}.pop('pool', None)",
                f"{args}.setdefault('queue', 'big')",
                f"mine = copy.deepcopy({args})\nmine['retries'] = 9",
                f"{args} = {{**{args}, 'retries': 6}}",
                f"mine = {args}\nmine['owner'] = 'ads'",
                f"del {args}['retries']\n{args}['retries'] = 2",
                f"{args} = {args} | {{'pool': 'r'}}",
                f"{args}[os.environ.get('EVAL_KEY', 'queue')] = 'odd'",
                f"{args} = dict({args}, owner='new')",
                f"{args}.update({{k: v for k, v in [('weight_rule', 'downstream')]}})",
                f"{args} = {{k: v for k, v in {args}.items() if k != 'pool'}}",
                f"for key in os.environ.get('EVAL_KEYS', 'queue').split(','):\n    {args}[key] = 'w'",
            )
            changes.append(f"if {self.test()}:\n{indent(change, '    ')}" if self.rng.random() < 0.4 else change)
        lines = "\n".join(changes)
        return f"""{args} = {{'owner': 'core', 'retries': 1, 'pool': 'narrow'}}
{lines}
with DAG('{dag_id}', schedule={self.schedule()}, default_args={args}, start_date=START):
{indent(self.tasks(), "    ")}"""

    def taskflow(self) -> str:
        one, two, dag_id = self.name("get"), self.name("put"), self.name("flow")
        use = self.pick(
            f"{two}({one}())",
            f"x = {one}()\n{two}(x)\n{two}(x)",
            f"if {self.test()}:\n    {one}()\n{two}({one}())",
            f"{two}.expand(x={one}())",
            f"{two}.override(task_id='again')({one}())",
            f"for n in 'ab':\n    {two}({one}())",
            f"y = {one}() if {self.test()} else {one}()\n{two}(y)",
            f"[{one}() for n in range(2)] >> {two}(1)",
            f"{two}({one}()) >> EmptyOperator(task_id='end')",
        )
        return f"""with DAG('{dag_id}', schedule={self.schedule()}, start_date=START):
    @task
    def {one}():
        return [1]
    @task{self.pick("", "(retries=2)", ".bash")}
    def {two}(x):
        return 'true'
{indent(use, "    ")}"""

    def attempt(self) -> str:
        dag_id = self.name("tried")
        first = self.pick(
            "import nonesuch_library", "value = {}['none']", "value = 1", "value = int('x')", "import json"
        )
        end = self.pick("raise RuntimeError", "value = 2", "pass")
        if end.startswith("raise"):
            first = "value = 1"
        return f"""try:
    {first}
    with DAG('{dag_id}', schedule={self.schedule()}, start_date=START):
{indent(self.tasks(), "        ")}
except (ImportError, KeyError, ValueError):
    {end}
    with DAG('{dag_id}_else', schedule='@daily', start_date=START):
        EmptyOperator(task_id='a')"""

    def groups(self) -> str:
        dag_id = self.name("grouped")
        return f"""with DAG('{dag_id}', schedule={self.schedule()}, start_date=START) as holder:
    begin = EmptyOperator(task_id='begin')
    with TaskGroup('g', default_args={{'retries': 5}}) as outer:
{indent(self.tasks(), "        ")}
        with TaskGroup('inner'{self.pick("", ", prefix_group_id=False")}):
            d = EmptyOperator(task_id='d')
        {self.pick("c >> d", "d << a", "pass")}
    end = EmptyOperator(task_id='end')
    {self.pick("begin >> outer >> end", "outer >> end", "chain(begin, outer, end)", "begin >> outer")}
    later = EmptyOperator(task_id='later', task_group=outer)"""

    def operators(self) -> str:
        name, dag_id = self.name("Own"), self.name("owned")
        return f"""class Mixed{name}:
    def note(self):
        return 1
class {name}(Mixed{name}, EmptyOperator):
    def __init__(self, step, retries=3, **kwargs):
        super().__init__(task_id=f'own_{{step}}', {self.pick("retries=retries, ", "")}**kwargs)
        self.step = step
with DAG('{dag_id}', schedule={self.schedule()}, start_date=START):
    first = {name}('a')
    second = {name}('b', pool='p')
    third = {name}(step='c', retries=1)
    {self.pick("first >> second >> third", "first >> [second, third]")}"""

    def chained(self) -> str:
        """Tasks in a loop, each after the one before."""
        setup, names = self.values()
        dag_id = self.name("chained")
        link = self.pick(
            "if last:\n        last >> now\n    last = now",
            "if last is not None:\n        last >> now\n    last = now",
            "if steps:\n        steps[-1] >> now\n    steps.append(now)",
            "last = last >> now if last else now",
        )
        start = self.pick("last, steps = None, []", "steps = []\nlast = EmptyOperator(task_id='begin')")
        body = f"""{start}
for n in {names}:
    now = EmptyOperator(task_id=f't_{{n}}')
    {link}
end = EmptyOperator(task_id='end')
{self.pick("steps >> end", "end", "if last:" + chr(10) + "    last >> end")}"""
        return f"{setup}\nwith DAG('{dag_id}', schedule={self.schedule()}, start_date=START):\n{indent(body, '    ')}"

    def configured(self) -> str:
        name, dag_id = self.name("Config"), self.name("conf")
        return f"""@dataclass
class {name}:
    name: str
    schedule: str = '@daily'
    live: bool = True
for config in [{name}('{dag_id}_a'), {name}('{dag_id}_b', '@hourly'), {name}('{dag_id}_c', live={self.test()})]:
    if not config.live:
        continue
    with DAG(config.name, schedule=config.schedule, start_date=START):
{indent(self.tasks(), "        ")}"""

    def decorated(self) -> str:
        name = self.name("deco")
        return f"""@dag({self.pick("", f"dag_id='{name}_id', ")}schedule={self.schedule()}, start_date=START)
def {name}(extra=('x',)):
{indent(self.tasks(), "    ")}
    for n in extra:
        EmptyOperator(task_id=f'more_{{n}}')
{self.pick(f"{name}()", f"if {self.test()}:" + chr(10) + f"    {name}()", f"{name}(extra=['y', 'z'])")}"""

    def counted(self) -> str:
        """A while loop, and a count that a function changes."""
        dag_id = self.name("count")
        return f"""total{dag_id} = 0
def next_{dag_id}():
    global total{dag_id}
    total{dag_id} += 1
    return total{dag_id}
number = 0
while number < {self.pick("2", "3", "int(os.environ.get('EVAL_COUNT', '2'))")}:
    number += 1
    with DAG(f'{dag_id}_{{next_{dag_id}()}}', schedule={self.schedule()}, start_date=START):
        EmptyOperator(task_id=f'n{{number}}')"""

    def outside(self) -> str:
        """What something outside the folder makes."""
        dag_id = self.name("out")
        body = self.pick(
            "x = teamlib.step('a', dag=holder)\ny = teamlib.step('b', dag=holder)\nx >> y",
            "EmptyOperator(task_id='c') >> teamlib.step('a', dag=holder)",
            "teamlib.Steps(holder).fill()",
            "teamlib.change(names)\nfor n in names:\n    EmptyOperator(task_id=n)",
        )
        return f"""import teamlib
names = ['a', 'b']
with DAG('{dag_id}', schedule={self.schedule()}, start_date=START) as holder:
{indent(body, "    ")}"""

    def collected(self) -> str:
        """A dict that is filled and then gone through."""
        table, kind = self.name("table"), self.name("coll")
        fill = self.pick(
            f"{table}['a'] = '@daily'\n{table}['b'] = '@hourly'",
            f"for n in ['a', 'b']:\n    {table}[n] = '@daily'",
            f"for n in os.environ.get('EVAL_NAMES', 'x,y').split(','):\n    {table}[n] = '@daily'",
            f"{table}.update(a='@daily')\nif {self.test()}:\n    {table}['b'] = '@hourly'",
            f"{table}.setdefault('a', '@weekly')",
            f"{table} = {{n: '@daily' for n in ['a', 'b'] if {self.test()}}}",
            f"{table}[os.environ.get('EVAL_KEY', 'k')] = None",
        )
        return f"""{table} = {{}}
{fill}
for n, every in {table}.items():
    with DAG(f'{kind}_{{n}}', schedule=every, start_date=START):
{indent(self.tasks(), "        ")}"""

    def matched(self) -> str:
        dag_id = self.name("match")
        return f"""match {self.pick("'b'", "os.environ.get('EVAL_A', 'a')")}:
    case 'a' | 'yes':
        every_{dag_id} = '@daily'
    case 'b':
        every_{dag_id} = '@hourly'
    case other:
        every_{dag_id} = None
with DAG('{dag_id}', schedule=every_{dag_id}, start_date=START):
{indent(self.tasks(), "    ")}"""

    def registry(self) -> str:
        """Functions that a decorator of the file puts into a list."""
        registry, dag_id = self.name("registry"), self.name("reg")
        return f"""{registry} = []
def register_{registry}(function):
    {registry}.append(function)
    return function
@register_{registry}
def first_{registry}(n):
    return EmptyOperator(task_id=f'first_{{n}}')
@register_{registry}
def second_{registry}(n):
    return EmptyOperator(task_id=f'second_{{n}}')
with DAG('{dag_id}', schedule={self.schedule()}, start_date=START):
    done = [function(i) for i, function in enumerate({registry})]
    {self.pick("done[0] >> done[1]", "chain(*done)", "done[-1] << done[0]")}"""

    def closures(self) -> str:
        dag_id = self.name("close")
        return f"""def maker_{dag_id}(prefix):
    seen = []
    def add(n):
        seen.append(n)
        return EmptyOperator(task_id=f'{{prefix}}_{{len(seen)}}_{{n}}')
    return add
with DAG('{dag_id}', schedule={self.schedule()}, start_date=START):
    add = maker_{dag_id}('p')
    parts = {{n: add(n) for n in {self.pick("'ab'", "itertools.chain('a', 'b')", "tuple('ab')")}}}
    parts['a'] >> parts.get('b')"""

    def subclassed(self) -> str:
        name, dag_id = self.name("Flow"), self.name("sub")
        return f"""class Base{name}:
    steps = ['a', 'b']
    def name(self):
        return '{dag_id}'
    def build(self):
        with DAG(self.name(), schedule={self.schedule()}, start_date=START) as made:
            for step in self.steps:
                self.step(step)
        return made
    def step(self, n):
        return EmptyOperator(task_id=n)
class {name}(Base{name}):
    steps = Base{name}.steps + ['c']
    def name(self):
        return super().name() + '_own'
    def step(self, n):
        {self.pick('return super().step(n + "_s")', 'return EmptyOperator(task_id="own_" + n)')}
{dag_id} = Base{name}().build()
{dag_id}_own = {name}().build()"""

    def handed(self) -> str:
        """A DAG that is handed to functions, and changed afterwards."""
        dag_id = self.name("hand")
        after = self.pick("", "a.retries = 6", f"if {self.test()}:\n    a.pool = 's'", "a.set_downstream(b)")
        return f"""def fill_{dag_id}(holder, names=('a', 'b')):
    return [EmptyOperator(task_id=n, dag=holder) for n in names]
{dag_id} = DAG('{dag_id}', schedule={self.schedule()}, start_date=START)
a, b = fill_{dag_id}({dag_id})
more = fill_{dag_id}(names=['m'] if {self.test()} else [], holder={dag_id})
a >> {self.pick("b", "[b, *more]", "more")}
{after}"""
