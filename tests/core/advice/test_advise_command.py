"""`counterpoint advise`: answers from a file or a terminal, one clear error for what is none, JSON by its schema."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from bench import report

from counterpoint.cli.main import main
from counterpoint_compare.advice import advise, ask, example, read_profile, typical
from counterpoint_compare.advice.profile import profile_of
from counterpoint_compare.advice.tables import HERE, questions

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/schemas/advice.schema.json").read_text(encoding="utf-8"))
COMMAND = [sys.executable, "-m", "counterpoint", "advise"]
PROFILES = HERE / "profiles"


def run(*words: object, cwd: Path | None = None, stdin: int = subprocess.DEVNULL) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, *map(str, words)]
    return subprocess.run(command, cwd=cwd, stdin=stdin, capture_output=True, text=True, check=False, timeout=60)


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """What a call says that is refused as bad usage."""
    assert main(["advise", *map(str, words)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    return said.err


def kept(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", typical())
@pytest.mark.parametrize("results", [None, report()], ids=["cited", "measured"])
def test_the_answer_is_as_its_schema_says(name: str, results: dict[str, Any] | None) -> None:
    found = advise(typical()[name], results).to_dict()
    jsonschema.validate(json.loads(json.dumps(found)), SCHEMA)


def test_the_schema_refuses_a_claim_without_evidence() -> None:
    found = json.loads(json.dumps(advise(typical()["five_engineers"]).to_dict()))
    found["reasons"][0]["evidence"] |= {"url": None, "limit": None}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(found, SCHEMA)


def test_json_goes_to_stdout_alone(tmp_path: Path) -> None:
    done = run("--profile", PROFILES / "research_group.toml", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    jsonschema.validate(found := json.loads(done.stdout), SCHEMA)
    assert found["profile"] == "a research group"


def test_people_are_told_who_is_first_why_and_what_is_not_known(tmp_path: Path) -> None:
    results = kept(
        tmp_path / "results.json", json.dumps(report({"airflow": (3, 4), "dagster": (2, 2), "prefect": (1, 1)}))
    )
    words = ("--profile", PROFILES / "regulated_company.toml", "--report", results, "--out", tmp_path / "advice.txt")
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.splitlines()[2].startswith("1. airflow   0.")
    for words_in_it in (
        "For a large regulated company: 17 of 17 answers;",
        "audit_logs.html (checked in 3.3.2)",
        "measured: small.run.seconds, 2 values, by `counterpoint compare streamrec --rounds 2`",
        "17.5 s (15 s to 20 s), prefect 5 s",
        "lineage: OpenLineage events: nothing checked for prefect",
        "hosting = vendor",
        "measured: airflow 1.0; cited pages were checked for 3.3.2",
    ):
        assert words_in_it in done.stdout
    assert (tmp_path / "advice.txt").read_text(encoding="utf-8") == done.stdout
    assert len(done.stdout.splitlines()) < 60


def test_a_report_in_its_usual_place_is_taken(tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()
    kept(tmp_path / "report" / "results.json", json.dumps(report()))
    done = run("--profile", PROFILES / "five_engineers.toml", cwd=tmp_path)
    assert "onboarding, Start time of the services: 10 s" not in done.stdout  # all are equal in this report
    assert "not measured here" not in done.stdout
    assert "limits.py of the adapter: backfill (checked in 1.13.27)" in done.stdout
    assert "Tie between airflow and dagster:" in done.stdout


def test_the_example_is_a_profile(tmp_path: Path) -> None:
    done = run("--print-profile")
    assert done.stdout == example()
    assert read_profile(kept(tmp_path / "team.toml", done.stdout)).unknown == ()
    assert tomllib.loads(done.stdout)["workload"] == ["training"]


def test_without_a_terminal_and_a_profile_the_error_holds_a_whole_example() -> None:
    done = run()
    assert (done.returncode, done.stdout) == (2, "")
    asks = "counterpoint: advise needs a terminal to ask its questions: give the answers with --profile FILE"
    assert done.stderr.startswith(asks)
    said = done.stderr.partition("\n\n")[2]
    assert profile_of(tomllib.loads(said), "the error").unknown == ()


BAD = [
    ('team = "huge"', "team = 'huge': no such answer; write one of small, few, many"),
    ("team = 3", "team = 3: no such answer"),
    ('team = ["few"]', "team = ['few']: no such answer"),
    ('workload = ["sql", "ml"]', "workload = 'ml': no such answer; write some of training, sql, events"),
    ("workload = []", "workload: nothing is named; write some of training, sql, events"),
    ('teem = "few"', "teem: there is no such question; there are name, team, skills"),
    ("name = 7", "name: write what the team is called"),
    ("team few", "is no TOML"),
]


@pytest.mark.parametrize(("line", "said"), BAD)
def test_bad_answers_are_named_with_place_and_what_may_stand_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, said: str
) -> None:
    path = kept(tmp_path / "team.toml", f'{line}\nskills = "python"\n')
    told = refused(capsys, "--profile", path)
    assert len(told.splitlines()) == 1
    assert str(path) in told
    assert said in told


@pytest.mark.parametrize("name", ["none.toml", "."])
def test_a_profile_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    told = refused(capsys, "--profile", tmp_path / name)
    assert "cannot be read" in told
    assert "--print-profile" in told


FIGURE = {"name": "start.seconds", "title": "t", "unit": "s"}


@pytest.mark.parametrize(
    "text",
    ["no JSON", "[]", '{"figures": 3}', json.dumps({"figures": [FIGURE]}), json.dumps({"figures": ["start.seconds"]})],
)
def test_a_report_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    path = kept(tmp_path / "results.json", text)
    told = refused(capsys, "--profile", PROFILES / "five_engineers.toml", "--report", path)
    assert f"--report {path}" in told
    assert "make compare" in told


def test_a_text_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--profile", PROFILES / "five_engineers.toml", "--out", tmp_path / "none" / "advice.txt")
    assert "name a file in an existing folder" in refused(capsys, *words)


def typed(*lines: str, end: str = "") -> subprocess.CompletedProcess[str]:
    """The command on a real terminal, where a person types those lines."""
    mine, theirs = pty.openpty()
    os.write(mine, "".join(f"{line}\n" for line in lines).encode() + end.encode())
    try:
        return run("--json", stdin=theirs)
    finally:
        os.close(theirs)
        os.close(mine)


def test_the_questions_are_asked_on_a_terminal() -> None:
    first = ["many", "?", "", "3, training", "never again", "3"]
    done = typed(*first, *[""] * (len(questions()) - 5))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["unanswered"] == ["skills"]
    given = {"team": ["many"], "pipelines": ["tens"], "workload": ["training", "events"], "backfills": ["often"]}
    assert {name: found["answers"][name] for name in given} == given
    assert found["answers"]["hosting"] == [questions()["hosting"].default]
    assert "'never again' is not one of never, sometimes, often" in done.stderr
    assert all(question.asks in done.stderr for question in questions().values())


def test_the_end_of_input_leaves_the_rest_open() -> None:
    done = typed("small", end="\x04")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["answers"] == {"team": ["small"]}


def test_an_empty_line_takes_what_is_in_brackets() -> None:
    said: list[str] = []
    found = ask(lambda: "\n", said.append)
    assert found.answers == {name: (one.default,) for name, one in questions().items()}
    assert sum("[" in line for line in said) == len(questions())


def test_help_loads_nothing_heavy() -> None:
    asked = "from counterpoint.cli.main import main\ntry: main(['advise', '--help'])\nfinally: print(*sys.modules)"
    code = f"import sys\n{asked}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "counterpoint_compare.advice" not in done.stdout.split()
    assert "polars" not in done.stdout.split()
