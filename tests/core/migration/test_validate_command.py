"""`migrate validate` as it is typed: it runs a side, reads the other, writes the verdict, and checks it again."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import polars as pl
import pytest

HERE = str(Path(__file__).parent)
sys.path.insert(0, HERE)

import market

from counterpoint.cli.common import common_options
from counterpoint.errors import CounterpointError
from counterpoint_migrate.cli import validating

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    Command = Callable[..., tuple[int, Any, str]]

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/schemas/verdict.schema.json").read_text(encoding="utf-8"))
DATES = ("--dates", "2026-01-01..2026-01-02")


@pytest.fixture(scope="module", autouse=True)
def importable(on_path: Callable[[str], AbstractContextManager[None]]) -> Iterator[None]:
    with on_path(HERE):
        yield


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a root, which the first test fills, and a lake."""
    folder = tmp_path_factory.mktemp("validate")
    (folder / "lake").mkdir()
    market.leave(folder / "lake", "2026-01-01", "2026-01-02")
    return folder


@pytest.fixture
def command(place: Path, capfd: pytest.CaptureFixture[str]) -> Command:
    """Runs the command with its JSON: exit code, the document (held against its schema) or None, stderr."""

    def run(*words: object) -> tuple[int, Any, str]:
        parser = argparse.ArgumentParser()
        common_options(parser, behind=True)
        parser.set_defaults(json=True, quiet=False, root=str(place / "root"))
        validating.arguments(parser)
        argv = [str(word) for word in words]
        given = argparse.Namespace(action="validate", argv=["migrate", "validate", *argv])
        try:
            code = validating.run(parser.parse_args(argv, given))
        except CounterpointError as error:
            return error.exit_code, None, str(error)
        told = capfd.readouterr()
        document = json.loads(told.out)
        jsonschema.validate(document, SCHEMA)
        return code, document, told.err

    return run


def legacy(folder: Path, text: str) -> Path:
    file = folder / "legacy.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_equal_then_checked_again_then_a_file_is_changed(command: Command, place: Path, tmp_path: Path) -> None:
    lake, out = place / "lake", tmp_path / "out"
    words = ("market:shop", "--to", "local", *DATES, "--legacy", lake / "legacy.toml", "--out", out)
    code, found, told = command(*words)
    assert (code, found["equal"], len(found["outputs"])) == (0, True, 10)
    assert "airflow and local, 2026-01-01 to 2026-01-02: equal, 10 outputs of 5 steps" in told
    assert found == json.loads((out / "verdict.json").read_text(encoding="utf-8"))
    assert found["sides"]["right"]["runs"][0]["lineage"].endswith("lineage.json")
    assert found["outputs"][0]["left"]["files"][0]["sha256"]
    assert found["command"].startswith("counterpoint migrate validate market:shop --to local")
    page = (out / "verdict.html").read_text(encoding="utf-8")
    assert "http" not in page.replace("http-equiv", "")
    assert f"--again {out / 'verdict.json'}" in page
    runs = {run["run_id"] for run in found["sides"]["right"]["runs"]}
    code, again, told = command("--again", out / "verdict.json")
    assert (code, again) == (0, {"holds": True, "equal": True, "checked": 10, "changed": []})
    file = lake / "spending" / "2026-01-02.parquet"
    rows = pl.read_parquet(file)
    rows.with_columns(pl.col("cents") + 1).write_parquet(file)
    code, again, told = command("--again", out)
    (changed,) = again["changed"]
    assert (code, changed["step"], changed["date"], changed["what"]) == (4, "spending", "2026-01-02", "left digest")
    assert "no longer holds" in told
    code, found, told = command(*words)
    assert (code, found["causes"][0]["step"], found["causes"][0]["dates"]) == (4, "spending", ["2026-01-02"])
    assert {run["run_id"] for run in found["sides"]["right"]["runs"]} == runs, (
        "what stands and is fresh is not run again"
    )
    samples = found["outputs"][7]["diff"]["samples"]
    assert {sample["column"] for sample in samples} == {"cents"}
    assert "cause unknown" in told
    rows.write_parquet(file)


def test_a_verdict_that_was_edited_does_not_hold(command: Command, place: Path, tmp_path: Path) -> None:
    words = ("market:shop", "--to", "local", *DATES, "--legacy", place / "lake" / "legacy.toml", "--out", tmp_path)
    assert command(*words)[0] == 0
    file = tmp_path / "verdict.json"
    told = json.loads(file.read_text(encoding="utf-8"))
    told["outputs"][0]["right"]["digest"] = told["outputs"][1]["right"]["digest"]
    file.write_text(json.dumps(told), encoding="utf-8")
    code, again, _ = command("--again", file)
    assert (code, [change["what"] for change in again["changed"]]) == (4, ["right digest"])


def test_steps_that_are_not_listed_are_said_not_to_be_compared(command: Command, place: Path, tmp_path: Path) -> None:
    change = {"mean": 0.5, "customers": 1}
    (tmp_path / "score").mkdir()
    for day in ("2026-01-01", "2026-01-02"):
        (tmp_path / "score" / f"{day}.json").write_text(json.dumps(change), encoding="utf-8")
    file = legacy(tmp_path, '[steps.score]\njson = "score/{date}.json"\n')
    code, found, told = command("market:shop", "--to", "local", *DATES, "--legacy", file, "--out", tmp_path)
    assert (code, found["steps"]) == (4, ["score"])
    assert "not compared: orders, valid, spending, model" in told
    (cause,) = found["causes"]
    assert {"model of 2026-01-02", "spending of 2026-01-02", "valid of 2026-01-01"} <= {*cause["inputs_not_compared"]}
    assert "score of 2026-01-02" not in cause["inputs_not_compared"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("steps = 3", "write a table [steps.NAME]"),
        ('[steps.order]\nparquet = "x/{date}.parquet"', "did you mean 'orders'?"),
        ('[steps.orders]\nparquets = "x/{date}.parquet"', "parquets is not known: did you mean 'parquet'?"),
        ('[steps.orders]\nwhere = "day"', "by one of table, parquet, csv, model, json, not by 0"),
        ('[steps.orders]\njson = "x/{date}.json"', "json is a value, but the step makes a table"),
        ('[steps.model]\nmodel = "x/{date}"\nkey = "a"', "key is for tables"),
        ('[steps.orders]\nparquet = "x.parquet"', "is the same for each date: write {date} into it"),
        ('[steps.orders]\nparquet = "x/{day}.parquet"', "only {date} and {date:%Y%m%d} are written out"),
        ('[steps.orders]\nparquet = "x/{date}.parquet"', "has no output for any of the 2 dates"),
        (
            '[steps.orders]\nparquet = "orders/{date:%Y%m%d}.parquet"\ndrop = ["x"]',
            "has no column 'x', which drop names",
        ),
        (
            '[steps.orders]\nparquet = "orders/{date:%Y%m%d}.parquet"\nwhere = "x"',
            "has no column 'x', which where names",
        ),
        ('[steps.orders]\nparquet = "orders/{date:%Y%m%d}.parquet"\ntolerance = "a"', "tolerance is a number"),
        ('[steps.spending]\nparquet = "odd/{date}.parquet"\nkey = ["x"]', "has no column 'x'"),
        ('[steps.orders]\ntable = "postgresql://host/x?date={date}"', "is not read: export the table"),
        ("[steps", "is no TOML"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(command: Command, place: Path, text: str, words: str) -> None:
    lake = place / "lake"
    (lake / "odd").mkdir(exist_ok=True)
    for day in ("2026-01-01", "2026-01-02"):
        pl.read_parquet(lake / "spending" / f"{day}.parquet").head(3).write_parquet(lake / "odd" / f"{day}.parquet")
    file = lake / "wrong.toml"
    file.write_text(text, encoding="utf-8")
    code, _, told = command("market:shop", "--to", "local", *DATES, "--legacy", file, "--out", place / "never")
    assert (code, words in told) == (2, True), told
    assert not (place / "never").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "name what to compare"),
        (("market:shop", "--dates", "2026-01-03..2026-01-02"), "is reversed"),
        (("market:shop", "--dates", "2026-1-3"), "is no partition"),
        (("market:shop", "--dates", "2026-01-03", "--from", "local", "--to", "local"), "are both local"),
        (("market:shop", "--dates", "2026-01-03", "--root", "s3://bucket"), "name a folder by --root"),
        (("market:shop", "--dates", "2026-01-03", "--legacy", "gone.toml", "--to", "local"), "cannot be read"),
        (("--again", "gone.json"), "cannot be read"),
    ],
)
def test_bad_usage_is_named(command: Command, words: tuple[str, ...], told: str) -> None:
    code, _, error = command(*words)
    assert (code, told in error) == (2, True), error


def test_a_run_that_fails_is_named(command: Command, place: Path, tmp_path: Path) -> None:
    words = ("market:shop", "--to", "local", "--dates", "2026-01-01", "--legacy", place / "lake" / "legacy.toml")
    code, _, error = command(*words, "--set", 'seed="x"', "--root", tmp_path)
    assert (code, "the local side failed" in error, "orders of 2026-01-01: " in error) == (1, True, True), error
