"""`counterpoint why` as a person types it, and the runbook that it leads to."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import jsonschema
import pytest

from counterpoint.model import HANDLING, FailureClass, Pipeline

ROOT = Path(__file__).resolve().parents[3]
MISHAPS = str(ROOT / "tests/core/diagnosis")
SCHEMA = json.loads((ROOT / "docs/schemas/why.schema.json").read_text(encoding="utf-8"))
RUNBOOK = (ROOT / "docs/explanation/failures.md").read_text(encoding="utf-8")
SECTIONS = {name.strip(): text for name, text in re.findall(r"^### (.+)\n((?:(?!^#).*\n)*)", RUNBOOK, re.MULTILINE)}
TYPED = sorted(set(re.findall(r"`(counterpoint [^`]+)`", RUNBOOK)))
TYPED += [line.partition("#")[0].strip() for line in re.findall(r"^counterpoint .+", RUNBOOK, re.MULTILINE)]


def run(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": MISHAPS, "COUNTERPOINT_ROOT": str(root)}
    command = [sys.executable, "-m", "counterpoint", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A run and a backfill that failed, below one root."""
    root = tmp_path_factory.mktemp("data")
    done = run(root, "run", "mishaps:days", "--date", "2026-01-03", "--set", 'bad=["2026-01-03"]', "--json")
    assert done.returncode == 1, done.stderr
    backfill = ("backfill", "mishaps:days", "--from", "2026-01-02", "--to", "2026-01-04", "--version", "v2")
    assert run(root, *backfill, "--set", 'bad=["2026-01-03"]').returncode == 1
    return SimpleNamespace(root=root, run_id=json.loads(done.stdout)["run_id"])


def test_the_answer_is_told_to_people_on_stdout(failed: SimpleNamespace) -> None:
    done = run(failed.root, "why", failed.run_id)
    assert (done.returncode, done.stderr) == (0, "")
    for said in (
        "ValueError: day 2026-01-03 is corrupt",
        "mishaps.py:",
        "step raw of 2026-01-03, attempt 1 of 1",
        "P0, for the owner of the pipeline; not retried",
        "not run as a result: both",
        "docs/explanation/failures.md#code_bug",
        f"redo: counterpoint retry mishaps:days --run {failed.run_id} --root {failed.root}\n",
    ):
        assert said in done.stdout


def test_the_answer_for_programs_is_one_document(failed: SimpleNamespace) -> None:
    for subject in (failed.run_id, "mishaps:days@v2"):
        done = run(failed.root, "why", subject, "--json")
        found = json.loads(done.stdout)
        jsonschema.validate(found, SCHEMA)
        assert (found["status"], found["causes"][0]["partitions"]) == ("failed", ["2026-01-03"])


def test_the_command_that_redoes_it_names_a_root_that_was_named(failed: SimpleNamespace, tmp_path: Path) -> None:
    done = run(tmp_path, "why", failed.run_id, "--json", "--root", str(failed.root))
    words = json.loads(done.stdout)["redo"].split()
    assert words[-2:] == ["--root", str(failed.root)]
    again = run(tmp_path, *words[1:])
    assert again.returncode == 1
    assert "day 2026-01-03 is corrupt" in again.stderr


def test_a_run_that_is_not_there_ends_with_2(failed: SimpleNamespace) -> None:
    done = run(failed.root, "why", failed.run_id[:-1] + "x")
    assert done.returncode == 2
    assert f"did you mean {failed.run_id}" in done.stderr


def test_help_is_there_at_once(tmp_path: Path) -> None:
    # of the processor: what others do on this machine says nothing of the command
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert run(tmp_path, "why", "--help").returncode == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.5


def test_the_answer_loads_nothing_heavy(failed: SimpleNamespace) -> None:
    code = (
        "import sys; from counterpoint.cli.main import main;"
        f" main(['why', {failed.run_id!r}, '--root', {str(failed.root)!r}]); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": MISHAPS},
        capture_output=True,
        text=True,
        check=True,
    )
    heavy = {"polars", "pandera", "torch", "mlflow", "pyarrow", "deltalake", "airflow", "dagster", "prefect", "apprise"}
    assert sorted(heavy.intersection(done.stdout.split())) == []


def test_the_runbook_has_a_section_for_each_class() -> None:
    assert list(SECTIONS) == [failure.value for failure in FailureClass]
    assert [name for name, text in SECTIONS.items() if "- Redo: " not in text] == []


@pytest.mark.parametrize("failure", FailureClass)
def test_the_table_says_what_is_done_about_a_class(failure: FailureClass) -> None:
    handling = HANDLING[failure]
    retry, severity = "yes" if handling.retry else "no", handling.severity.value if handling.severity else "none"
    row = f"| [{failure.value}](#{failure.value}) | {handling.meaning} | {retry} | {severity} | {handling.responder} |"
    assert row in RUNBOOK


@pytest.mark.parametrize("command", [words for words in TYPED if " up " not in words])
def test_a_command_of_the_runbook(failed: SimpleNamespace, command: str) -> None:
    given = {"RUN": failed.run_id, "PIPELINE": "mishaps:days", "PIPELINE@TAG": "mishaps:days@v2", "TAG": "v2"}
    given |= {"A": "2026-01-03", "B": "2026-01-03", "D": "2026-01-02"}
    words = [given.get(word, word) for word in command.split()[1:]]
    if words == ["run", "--json"]:
        words = ["run", "mishaps:days", "--date", "2026-01-02", "--json"]
    done = run(failed.root, *words)
    # the cause is still there; an orchestrator may be missing on this machine
    assert done.returncode in {"retry": {1}, "doctor": {0, 3}}.get(words[0], {0}), done.stderr


def test_the_example_declares_a_class_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").touch()
    (tmp_path / "shop" / "orders.py").write_text("def read(partition): ...\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    (example,) = re.findall(r"^```python\n(.*?)^```", RUNBOOK, re.DOTALL | re.MULTILINE)
    names: dict[str, object] = {}
    exec(compile(example, "failures.md", "exec"), names)  # noqa: S102 - the page's own example
    assert isinstance(names["daily"], Pipeline)
    assert names["daily"].failures == {"shop.errors:WarehouseBusy": "transient"}
