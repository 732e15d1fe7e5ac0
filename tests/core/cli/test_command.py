"""The command: quick to answer, one clear line for each mistake, the exit codes that scripts rely on."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from counterpoint.cli.commands import ORDER as COMMANDS
from counterpoint.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = ("torch", "polars", "pandera", "mlflow", "httpx", "airflow", "dagster", "prefect", "rich")


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "counterpoint", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("words", [(), *((name,) for name in COMMANDS)])
def test_help_imports_nothing_heavy(words: tuple[str, ...]) -> None:
    code = (
        "import sys\nfrom counterpoint.cli.main import main\n"
        f"try:\n    main([*{words!r}, '--help'])\nexcept SystemExit as end:\n    assert end.code == 0\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert done.stdout.startswith("usage: counterpoint")


def test_help_tells_every_command_and_exit_code() -> None:
    text = run("--help").stdout
    assert all(f"    {name}" in text for name in COMMANDS)
    assert "130 interrupted" in text


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("show", "streamrek"), 2, "no pipeline is called 'streamrek': did you mean 'streamrec'?"),
        (("show", "no.such:thing"), 2, "No module named 'no'; install the package that holds it"),
        (("show", "streamrec.config:CONFIG"), 2, "not a Pipeline"),
        (("run", "streamrec", "--date", "7.1.2026"), 2, "'7.1.2026' is no partition: a date is written YYYY-MM-DD"),
        (("run", "streamrec", "--date", "2026-02-30"), 2, "'2026-02-30' is no partition"),
        (("run", "streamrec", "--date", "2026-1-7"), 2, "write it in full"),
        (("run", "streamrec", "--date", "2009-01-01"), 2, "lies before the pipeline's start"),
        (("run", "streamrec", "--date", "2026-01-07", "--set", "seed"), 2, "write it NAME=JSON"),
        (("run", "streamrec", "--date", "2026-01-07", "--set", "sed=1"), 2, "has no setting 'sed'"),
        (("run", "streamrec", "--date", "2026-01-07", "--port", "web"), 2, "write it NAME=NUMBER"),
        (("compare", "streamrec", "--on", "luigi"), 2, "choose from local,airflow,dagster,prefect"),
        (("compare", "streamrec", "--days", "0"), 2, "--days 0: give 1 or more"),
        (("run", "streamrec"), 2, "--date"),
        (("fly",), 2, "invalid choice: 'fly'"),
    ],
)
def test_a_mistake_is_one_clear_error(tmp_path: Path, words: tuple[str, ...], code: int, said: str) -> None:
    done = run(*words, *(("--root", str(tmp_path / "data")) if len(words) > 1 else ()))
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "data").exists()


def test_an_orchestrator_that_is_not_installed_is_named_with_its_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COUNTERPOINT_PYTHON_DAGSTER", str(tmp_path / "none"))
    monkeypatch.setattr("counterpoint.cli.environments.find_adapters", dict)
    code = main(["run", "streamrec", "--date", "2026-01-07", "--on", "dagster", "--root", str(tmp_path)])
    assert code == 3
    assert "pip install counterpoint-dagster" in capsys.readouterr().err


def test_pipelines_answers_json_on_stdout_alone() -> None:
    found = json.loads(run("pipelines", "--json").stdout)
    assert [row["name"] for row in found] == ["streamrec"]
    assert len(found[0]["steps"]) == 8


@pytest.mark.parametrize("form", ["text", "mermaid", "json"])
def test_show_prints_every_step_on_stdout(form: str) -> None:
    done = run("show", "streamrec", "--format", form)
    assert done.returncode == 0
    assert "registered_models" in done.stdout
    assert "t-6..t" in done.stdout or '"first": -6' in done.stdout


def test_doctor_names_a_missing_orchestrator_and_its_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("counterpoint.cli.environments.find_adapters", dict)
    monkeypatch.setenv("COUNTERPOINT_PYTHON_AIRFLOW", str(tmp_path / "none"))
    code = main(["doctor", "--json", "--root", str(tmp_path)])
    checks = {check["what"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert code == 3
    assert checks["airflow"]["fix"] == "make setup"
    assert checks["root"]["fix"] is None


def test_an_answer_is_there_at_once_also_in_a_pipe() -> None:
    code = "import time; from counterpoint.cli.output import answer; answer({}); time.sleep(600)"
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=env) as process:
        assert process.stdout
        ready, _, _ = select.select([process.stdout], [], [], 30)
        process.kill()
        assert ready
        assert process.stdout.readline() == b"{}\n"
