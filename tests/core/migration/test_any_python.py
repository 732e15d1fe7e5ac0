"""Whatever Python lies in a folder, it is read without an error, and what is found is JSON as its schema says."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import jsonschema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counterpoint_migrate.inventory import inventory

ROOT = Path(__file__).parents[3]
SCHEMA = json.loads((ROOT / "docs/schemas/inventory.schema.json").read_text(encoding="utf-8"))

LEAVES = [
    "x",
    "dag",
    "T",
    "'a'",
    "'{}'",
    "'%s'",
    "1",
    "-1.5e999",
    "None",
    "...",
    "b'x'",
    "[]",
    "{}",
    "()",
    "*x",
    "10**9",
]
CALLS = ["DAG", "PythonOperator", "T.partial", "T.expand", "x.expand", "chain", "functools.partial", "Variable.get"]
CALLS += [
    "x.format",
    "'{}{}'.format",
    "os.path.join",
    "range",
    "zip",
    "enumerate",
    "dict",
    "x.append",
    "x",
    "f",
    "task",
]
CALLS += ["Dataset", "ExternalTaskSensor", "timedelta", "x.set_upstream", "xcom_pull", "T.override", "'a'.join", "Path"]
NAMES = ["task_id", "dag_id", "dag", "schedule", "external_dag_id", "python_callable", "default_args", "outlets", "sql"]

expressions = st.recursive(
    st.sampled_from(LEAVES) | st.text(max_size=8).map(repr),
    lambda inner: st.one_of(
        st.builds(
            lambda f, args, names: f"{f}({', '.join([a for a in args if a[0] != '*'] + names)})",
            st.sampled_from(CALLS),
            st.lists(inner, max_size=3),
            st.dictionaries(st.sampled_from(NAMES), inner, max_size=3).map(
                lambda given: [f"{name}={value.lstrip('*')}" for name, value in given.items()]
            ),
        ),
        st.tuples(inner, st.sampled_from([">>", "<<", "+", "%", "|", "/", "*", "and", "==", "in"]), inner).map(
            lambda parts: f"({parts[0].lstrip('*')} {parts[1]} {parts[2].lstrip('*')})"
        ),
        inner.map(lambda one: f"[{one}, {one}]"),
        inner.map(lambda one: f"{{'dag_id': {one.lstrip('*')}, **x}}"),
        inner.map(lambda one: f"[{one.lstrip('*')} for x, *T in ({one.lstrip('*')},) if x]"),
        inner.map(lambda one: f"({one.lstrip('*')})[0]"),
        inner.map(lambda one: f"(lambda x, *T, k=1, **o: {one.lstrip('*')})"),
    ),
    max_leaves=6,
)
simple = expressions.map(lambda one: one.lstrip("*")).flatmap(
    lambda one: st.sampled_from([one, f"x = {one}", f"x, T = {one}", f"x[{one}] = dag", f"x += {one}", f"return {one}"])
)
HEADS = ["with {} as dag:", "for x in {}:", "if {}:", "while {}:", "class T(DAG, {}):", "@task({})\ndef T(*x):"]
HEADS += [
    "@dag\ndef f(x={}, *a, **k):",
    "def f(x, y={}, *, z):",
    "try:\n    {}\nexcept x as T:",
    "match {}:\n  case x:",
]
blocks = st.sampled_from(HEADS)


def indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())


statements = st.recursive(
    simple | st.sampled_from(["from airflow import *", "from . import x", "from two import *", "import one.x as T"]),
    lambda inner: st.builds(
        lambda head, one, body: head.replace("{}", one) + "\n" + indented("\n".join(body)),
        blocks,
        expressions.map(lambda one: one.lstrip("*")),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=6,
)
files = st.lists(statements, max_size=5).map(
    lambda parts: "\n".join(["from airflow import *", *parts]).encode("utf-8", "replace")
)


def check(contents: dict[str, bytes]) -> None:
    with TemporaryDirectory() as folder:
        for name, content in contents.items():
            Path(folder, name).write_bytes(content)
        document = inventory(folder).to_dict()
    jsonschema.validate(json.loads(json.dumps(document, allow_nan=False)), SCHEMA)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.fixed_dictionaries({"one.py": files, "two.py": files | st.binary(max_size=40)}))
def test_any_folder_is_read(contents: dict[str, bytes]) -> None:
    check(contents)


def test_values_that_hold_themselves_or_double() -> None:
    lines = ["from airflow import DAG", "x, d = [1], {}", "x.append(x)", "d['d'] = d", "y = [1]", "z = 'z'"]
    lines += ["for n in range(60):", "    y = [y, y]", "    z = z + z"]
    lines += ["DAG('a', params=d, tags=y, description=z, schedule=y, default_args={'owner': x})", "DAG(y)"]
    check({"one.py": "\n".join(lines).encode()})


def test_python_that_is_no_dag() -> None:
    found = inventory(ROOT / "core/counterpoint/src/counterpoint/model")
    assert (found.dags, found.unresolved, all(file["read"] for file in found.files)) == ([], [], True)
