"""`counterpoint migrate inventory`: a table, a JSON document as its schema says, a page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from time import perf_counter

import jsonschema
import pytest

from counterpoint.cli.main import main
from counterpoint_migrate.inventory import inventory

ROOT = Path(__file__).parents[3]
SCHEMA = json.loads((ROOT / "docs/schemas/inventory.schema.json").read_text(encoding="utf-8"))
HEAD = "from airflow import DAG\nfrom airflow.operators.bash import BashOperator\n"
DAG = """
with DAG("{n}", schedule="@daily", default_args={{"owner": "core", "retries": 2}}) as dag:
    last = BashOperator(task_id="begin", bash_command="echo {{{{ ds }}}} > /lake/{n}.csv")
    for part in range(10):
        last >> BashOperator(task_id=f"part_{{part}}", bash_command="load", pool="<b>pool</b>")
"""
Printed = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags/good.py").write_text(HEAD + DAG.format(n="good"))
    (tmp_path / "dags/bad.py").write_text("print 'old'\n")
    return tmp_path / "dags"


def test_the_document(folder: Path, capsys: Printed) -> None:
    assert main(["migrate", "inventory", str(folder), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, SCHEMA)
    assert document["files"] == [
        {"path": "bad.py", "read": False, "dags": 0},
        {"path": "good.py", "read": True, "dags": 1},
    ]
    assert [len(dag["tasks"]) for dag in document["dags"]] == [11]
    assert [(one["kind"], one["place"]) for one in document["unresolved"]] == [("python2", "bad.py:1")]


def test_json_may_stand_before_the_action(folder: Path, capsys: Printed) -> None:
    assert main(["migrate", "--json", "inventory", str(folder)]) == 0
    assert json.loads(capsys.readouterr().out)["folder"] == str(folder)


def test_the_table_goes_to_stdout(folder: Path, capsys: Printed) -> None:
    assert main(["migrate", "inventory", str(folder)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "python2" in out
    assert "2 files: 1 DAGs, 11 tasks, 0 declared and 0 probable dependencies; unresolved: 1" in out


def test_the_page_stands_alone(folder: Path, tmp_path: Path) -> None:
    assert main(["migrate", "inventory", str(folder), "--html", str(tmp_path / "page.html")]) == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "good: 11 tasks" in page
    assert "pool=&lt;b&gt;pool&lt;/b&gt;" in page
    assert not re.search(r"(src|href)=", page)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dags", "page.html"]


def test_a_page_that_cannot_be_written(folder: Path, tmp_path: Path, capsys: Printed) -> None:
    assert main(["migrate", "inventory", str(folder), "--html", str(tmp_path / "none/page.html")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_no_folder(tmp_path: Path, capsys: Printed) -> None:
    assert main(["migrate", "inventory", str(tmp_path / "none")]) == 2
    assert "is no folder: give one that holds Airflow DAG files" in capsys.readouterr().err


def test_200_files_take_less_than_5_seconds(folder: Path) -> None:
    for number in range(200):
        (folder / f"dag_{number}.py").write_text(HEAD + DAG.format(n=f"dag_{number}"))
    begun = perf_counter()
    found = inventory(folder)
    assert perf_counter() - begun < 5
    assert sum(len(dag.tasks) for dag in found.dags) == 201 * 11
