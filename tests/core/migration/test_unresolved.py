"""What the source does not tell is listed with its place; one bad file does not stop the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from counterpoint.errors import UsageError
from counterpoint_migrate.inventory import inventory

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from counterpoint_migrate.inventory import Inventory

HEAD = "from airflow import DAG\nfrom airflow.operators.empty import EmptyOperator\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("print 'hello'\n", [("python2", "one.py:1")]),
        ("x = 1\ntry:\n    pass\nexcept Exception, e:\n    pass\n", [("python2", "one.py:4")]),
        ("x = 0777\n", [("python2", "one.py:1")]),
        ("type Pair[T] = tuple[T, T]\ndef f(:\n", None),
        ("x = 1\ndag = DAG(\n", [("syntax", "one.py:2")]),
        ("x = '\0'\n", None),
        (HEAD + "for c in clients():\n    DAG('load_' + c, schedule=None)\n", ["dag_id", "generated_dags"]),
        (
            HEAD + "def build(n):\n    return DAG(n, schedule=None)\n",
            [("dag_factory", "one.py:3"), ("dag_id", "one.py:4")],
        ),
        ("import dagfactory\ndagfactory.load_yaml_dags(globals())\n", [("dag_factory", "one.py:2")]),
        ("from team import create_dags\ncreate_dag = 1\ncreate_dags(globals())\n", [("dag_factory", "one.py:3")]),
        (HEAD + "exec(open('x').read())\n", [("generated_code", "one.py:3")]),
        (HEAD + "DAG('a', schedule=when())\n", [("schedule", "one.py:3")]),
        (HEAD + "DAG('a', schedule='never')\n", [("schedule", "one.py:3")]),
        (HEAD + "DAG('a', schedule=None, default_args=shared)\n", [("arguments", "one.py:3")]),
        (HEAD + "DAG('a', schedule=None, **shared)\n", [("arguments", "one.py:3")]),
        (HEAD + "EmptyOperator(task_id='t')\n", [("no_dag", "one.py:3")]),
        (HEAD + "with DAG('a', schedule=None):\n    EmptyOperator(task_id=name())\n", [("task_id", "one.py:4")]),
        (HEAD + "with DAG('a', schedule=None):\n    pick()(task_id='t')\n", [("operator", "one.py:4")]),
        (HEAD + "from team import load\nwith DAG('a', schedule=None):\n    load()\n", [("out_of_sight", "one.py:5")]),
        (HEAD + "pick()(dag_id='a')\n", [("dag_factory", "one.py:3")]),
        (HEAD + "if x:\n    DAG('a', schedule=None)\n", [("condition", "one.py:4")]),
        (HEAD + "from airflow.models import Variable\nVariable.get(name())\n", [("variable", "one.py:4")]),
        (
            HEAD + "with DAG('a', schedule=None):\n    EmptyOperator(task_id='t', http_conn_id=name())\n",
            [("connection", "one.py:4")],
        ),
        ("for a in range(999):\n    for b in range(999):\n        a + b\n", [("too_much", "one.py:1")]),
        ("x = " + "(" * 90 + "1" + ")" * 90 + "\n", []),
    ],
)
def test_each_kind(read: Callable[..., Inventory], text: str, expected: list[object] | None) -> None:
    found = read(one=text, two=HEAD + "DAG('whole', schedule=None)\n")
    assert "whole" in [dag.id for dag in found.dags]
    told = [(one.kind, one.place) for one in found.unresolved]
    if expected is None:
        assert [(file["path"], file["read"]) for file in found.files] == [("one.py", False), ("two.py", True)]
        assert told
    elif expected and isinstance(expected[0], str):
        assert sorted(kind for kind, _ in told) == expected
    else:
        assert told == expected


def test_a_file_nested_too_deep_is_told(read: Callable[..., Inventory]) -> None:
    found = read(one="x = " + "+".join(["1"] * 5000) + "\n", two="DAG('a')\n")
    assert [one.place for one in found.unresolved if one.kind in {"too_much", "unreadable"}] == ["one.py:1"]


def test_a_factory_that_is_called_with_constants_is_resolved(read: Callable[..., Inventory]) -> None:
    found = read(one=HEAD + "def build(n):\n    return DAG(n, schedule=None)\nbuild('a')\n")
    assert ([dag.id for dag in found.dags], found.unresolved) == (["a"], [])


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no folder"):
        inventory(tmp_path / "none")
