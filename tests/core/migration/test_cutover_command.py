"""`migrate cutover` and `rollback` as they are typed, where the losing side is a DAG on an Airflow of a team's own."""

from __future__ import annotations

import argparse
import json
import re
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from oldairflow import PASSWORD, TOKEN, Airflow, speaking

from counterpoint.cli.main import main
from counterpoint.errors import CounterpointError
from counterpoint_migrate.cli import migrate
from counterpoint_migrate.validate.legacyairflow import airflow_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Command = Callable[..., tuple[int, Any, str]]

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/schemas/cutover.schema.json").read_text(encoding="utf-8"))
STEPS = '[steps.raw_interactions]\ntable = "lake"\nwhere = "day"\n'
LEDGER = json.loads((Path(__file__).parents[3] / "docs/schemas/ledger.schema.json").read_text(encoding="utf-8"))
NOW = ("--after", "0")


@pytest.fixture
def airflow() -> Iterator[Airflow]:
    with speaking() as server:
        yield server


@pytest.fixture
def legacy(tmp_path: Path, airflow: Airflow, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The legacy file, and the variables that it names."""
    for name, value in {"OLD_USER": "ann", "OLD_PASSWORD": PASSWORD, "OLD_TOKEN": TOKEN}.items():
        monkeypatch.setenv(name, value)
    return written(tmp_path, airflow, 'user = "OLD_USER"\npassword = "OLD_PASSWORD"\n')


def written(folder: Path, airflow: Airflow, more: str) -> Path:
    file = folder / "legacy.toml"
    table = f'[airflow]\nurl = "{airflow.url}/"\ndag_id = "old one"\n{more}'
    file.write_text(f"{STEPS}\n{table}", encoding="utf-8")
    return file


@pytest.fixture
def command(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs `migrate` with its JSON, held against its schema: exit code, the document or None, what was said."""
    for name in ("AIRFLOW", "DAGSTER", "PREFECT"):
        monkeypatch.setenv(f"COUNTERPOINT_PYTHON_{name}", sys.executable)

    def run(action: str, *words: object) -> tuple[int, Any, str]:
        parser = argparse.ArgumentParser()
        parser.set_defaults(json=True, quiet=False, root=str(tmp_path / "root"))
        migrate.arguments(parser)
        argv = [str(word) for word in (action, "streamrec", *words)]
        try:
            code = migrate.run(parser.parse_args(argv, argparse.Namespace(argv=["migrate", *argv])))
        except CounterpointError as error:
            return error.exit_code, None, str(error)
        out, said = capfd.readouterr()
        jsonschema.validate(json.loads(out), SCHEMA)
        return code, json.loads(out), said

    return run


def ledger(capfd: pytest.CaptureFixture[str], root: Path) -> tuple[Any, str]:
    """The ledger as JSON, held against its schema, and for people."""
    words = ["migrate", "ledger", "streamrec", "--root", str(root)]
    assert main([*words, "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    jsonschema.validate(told, LEDGER)
    assert main(words) == 0
    return told, capfd.readouterr().out


def test_the_old_dag_is_paused_and_started_again(
    command: Command, airflow: Airflow, legacy: Path, tmp_path: Path
) -> None:
    code, found, said = command("cutover", *NOW, "--legacy", legacy)
    assert (code, found["owner"]["name"], found["later"]) == (0, "dagster", ["dagster"])
    assert airflow.paused
    assert "dagster is not serving streamrec: the change takes effect when 'counterpoint up dagster --pipeline" in said
    kept = (tmp_path / "root" / "owners" / "streamrec.json").read_text(encoding="utf-8")
    assert "OLD_PASSWORD" in kept
    assert PASSWORD not in kept
    assert "ann" not in kept
    # what it was is kept: the file is not needed any more
    legacy.unlink()
    code, found, _ = command("rollback")
    assert (code, found["owner"]["legacy"]["dag_id"], airflow.paused) == (0, "old one", False)


def test_a_token_does_as_well(command: Command, airflow: Airflow, legacy: Path, tmp_path: Path) -> None:
    file = written(tmp_path, airflow, 'token = "OLD_TOKEN"\n')
    assert command("cutover", *NOW, "--legacy", file)[0] == 0
    assert airflow.paused


def test_a_run_of_the_old_dag_is_named(command: Command, airflow: Airflow, legacy: Path) -> None:
    airflow.runs = ["scheduled__2026-01-07"]
    code, _, error = command("cutover", *NOW, "--legacy", legacy)
    assert (code, "run scheduled__2026-01-07 of streamrec is going on" in error) == (2, True), error
    assert not airflow.paused


def test_an_airflow_that_refuses_changes_nothing(
    command: Command, airflow: Airflow, legacy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLD_PASSWORD", "wrong")
    code, _, error = command("cutover", *NOW, "--legacy", legacy)
    assert (code, "401" in error, "wrong" in error) == (3, True, False), error
    monkeypatch.delenv("OLD_PASSWORD")
    code, _, error = command("cutover", *NOW, "--legacy", legacy)
    assert (code, error) == (2, "OLD_PASSWORD is not set, which [airflow] of the legacy file names: export it")
    code, found, said = command("rollback")
    assert (code, found["owner"], found["history"], airflow.paused) == (0, None, [], False)
    assert "no cut-over yet" in said


def test_the_table_that_the_page_shows_is_read() -> None:
    page = (Path(__file__).parents[3] / "docs/how-to/cutover.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    found = airflow_of(tomllib.loads(shown)["airflow"], "cutover.md")
    assert (found.url, found.user, found.token) == ("https://airflow.example", "AIRFLOW_USER", "")


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("", r"write a table [airflow] with url and dag_id"),
        ("airflow = 3", "is a table of texts"),
        ('[airflow]\nurl = "https://a"\ndag_id = 3', "is a table of texts"),
        ('[airflow]\nurl = "https://a"', "write url ="),
        ('[airflow]\nurl = "ftp://a"\ndag_id = "x"', "write url ="),
        ('[airflow]\nurl = "https://a"\ndag_id = "x"\ntokens = "A"', "tokens is not known: did you mean 'token'?"),
        ('[airflow]\nurl = "https://a"\ndag_id = "x"\ntoken = "ey.J0"', "the name of an environment variable"),
        ('[airflow]\nurl = "https://a"\ndag_id = "x"\nuser = "A"', "user and password belong together"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(command: Command, tmp_path: Path, table: str, told: str) -> None:
    file = tmp_path / "legacy.toml"
    file.write_text(f"{table}\n{STEPS}" if table == "airflow = 3" else f"{STEPS}\n{table}", encoding="utf-8")
    code, _, error = command("cutover", *NOW, "--legacy", file)
    assert (code, told in error) == (2, True), error


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--from", "prefect", "--to", "prefect"), "are both prefect"),
        (
            ("--from", "prefect", "--legacy", "legacy.toml"),
            "--legacy describes an Airflow DAG: leave out --from prefect",
        ),
        (("--after", "7"), "nothing is compared yet, and --after 7 asks for 7"),
    ],
)
def test_bad_usage_is_named(command: Command, legacy: Path, words: tuple[str, ...], told: str) -> None:
    code, _, error = command("cutover", *(str(legacy) if word == "legacy.toml" else word for word in words))
    assert (code, told in error) == (2, True), error


def test_services_that_do_not_run_are_told_later(command: Command) -> None:
    code, found, _ = command("cutover", *NOW, "--from", "prefect", "--to", "airflow")
    assert (code, found["owner"], found["later"]) == (0, {"name": "airflow", "legacy": None}, ["prefect", "airflow"])


def test_single_steps_are_given_away_and_brought_back(
    command: Command, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, _, error = command("cutover", "retrieval_model", *NOW)
    assert (code, "nobody owns streamrec yet" in error) == (2, True), error
    assert command("cutover", *NOW, "--from", "dagster", "--to", "airflow")[0] == 0
    code, found, said = command("cutover", "retrieval_model", "ranking_model", *NOW)
    assert (code, found["owner"]["name"], found["later"]) == (0, "airflow", ["airflow", "dagster"])
    assert found["steps"] == {"retrieval_model": "dagster", "ranking_model": "dagster"}
    assert "except ranking_model, retrieval_model, owned by dagster" in said
    code, _, error = command("cutover", "ranking_modle", *NOW)
    assert (code, error) == (2, "streamrec has no step 'ranking_modle': did you mean 'ranking_model'?")
    told, said = ledger(capfd, tmp_path / "root")
    assert told["steps"] == found["steps"]
    assert "streamrec: owned by airflow since" in said
    assert "except ranking_model, retrieval_model, owned by dagster" in said
    code, found, _ = command("rollback", "ranking_model")
    assert (code, found["steps"], found["history"][-1]["steps"]) == (
        0,
        {"retrieval_model": "dagster"},
        ["ranking_model"],
    )
    code, found, _ = command("cutover", *NOW)
    assert (found["owner"]["name"], found["steps"]) == ("dagster", {})


def test_a_dag_that_is_not_ours_shares_nothing(command: Command, legacy: Path) -> None:
    code, _, error = command("cutover", "retrieval_model", *NOW, "--legacy", legacy)
    assert (code, "airflow (DAG old one) is not ours, so it cannot wait for a step of ours" in error) == (2, True), (
        error
    )
