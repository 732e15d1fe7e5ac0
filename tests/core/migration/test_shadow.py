"""`migrate shadow` and `migrate ledger` as they are typed: a verdict a date, and the streak."""

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

from counterpoint.errors import CounterpointError
from counterpoint_migrate.cli import migrate
from counterpoint_migrate.validate import verdict as judging_room
from counterpoint_migrate.validate.legacy import LegacySide
from counterpoint_migrate.validate.legacyfile import read_legacy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from counterpoint_migrate.validate.data_sides import RunSide
    from counterpoint_migrate.validate.validate import Question

    Command = Callable[..., tuple[int, Any, str]]

SCHEMAS = Path(__file__).parents[3] / "docs" / "schemas"


@pytest.fixture(scope="module", autouse=True)
def importable(on_path: Callable[[str], AbstractContextManager[None]]) -> Iterator[None]:
    with on_path(HERE):
        yield


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a DAG of somebody else's has left, for three days."""
    folder = tmp_path_factory.mktemp("lake")
    market.leave(folder, "2026-01-01", "2026-01-03")
    return folder


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> RunSide:
    """What our side makes of the same days, made once."""
    return market.stand(tmp_path_factory.mktemp("right"), "2026-01-01", "2026-01-03")


@pytest.fixture
def made(right: RunSide, lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both sides stand already: nothing is run to be compared."""

    def sides_of(question: Question, _: object) -> tuple[LegacySide, RunSide]:
        file = lake / "legacy.toml"
        values, specs = read_legacy(file, question.described)
        return LegacySide("airflow", question.described, str(file), lake, values, specs), right

    monkeypatch.setattr(judging_room, "sides_of", sides_of)


@pytest.fixture
def command(tmp_path: Path, lake: Path, capfd: pytest.CaptureFixture[str]) -> Command:
    """Runs `migrate` with its JSON, held against its schema: exit code, the document or None, what was said."""

    def run(action: str, *words: object) -> tuple[int, Any, str]:
        parser = argparse.ArgumentParser()
        parser.set_defaults(json=True, quiet=False, root=str(tmp_path / "root"))
        migrate.arguments(parser)
        told = ("--to", "local", "--legacy", lake / "legacy.toml", "--out", tmp_path / "out")
        argv = [str(word) for word in (action, "market:shop", *(told if action == "shadow" else ()), *words)]
        try:
            code = migrate.run(parser.parse_args(argv, argparse.Namespace(argv=["migrate", *argv])))
        except CounterpointError as error:
            return error.exit_code, None, str(error)
        out, said = capfd.readouterr()
        document = json.loads(out)
        jsonschema.validate(document, json.loads((SCHEMAS / f"{action}.schema.json").read_text(encoding="utf-8")))
        return code, document, said

    return run


def compared(found: Any) -> dict[str, bool]:
    """Of each date whether it was compared just now."""
    return {one["date"]: not one["reused"] for one in found["dates"]}


@pytest.mark.usefixtures("made")
def test_each_night_adds_a_date_and_what_is_equal_is_not_compared_again(command: Command, tmp_path: Path) -> None:
    code, found, said = command("shadow", "--dates", "2026-01-01..2026-01-02")
    assert (code, found["equal"], found["streak"]["count"]) == (0, True, 2)
    assert "legacy-airflow-local: identical for 2 days (2026-01-01..2026-01-02)" in said
    for date in ("2026-01-01", "2026-01-02"):
        verdict = json.loads((tmp_path / "out" / date / "verdict.json").read_text(encoding="utf-8"))
        assert (verdict["dates"], verdict["equal"]) == ([date], True)
        assert (tmp_path / "out" / date / "verdict.html").exists()

    code, found, _ = command("shadow", "--dates", "2026-01-01..2026-01-03")
    assert compared(found) == {"2026-01-01": False, "2026-01-02": False, "2026-01-03": True}
    assert (code, found["streak"]["count"]) == (0, 3)

    # another way to compare is another proof; so is what somebody forces
    _, found, _ = command("shadow", "--dates", "2026-01-02", "--strict-order")
    assert compared(found) == {"2026-01-02": True}
    _, found, _ = command("shadow", "--dates", "2026-01-02", "--strict-order")
    assert compared(found) == {"2026-01-02": False}
    _, found, _ = command("shadow", "--dates", "2026-01-02", "--strict-order", "--force")
    assert compared(found) == {"2026-01-02": True}

    code, found, said = command("ledger")
    (pair,) = found["pairs"]
    assert (code, pair["pair"], pair["summary"]) == (
        0,
        "legacy-airflow-local",
        "identical for 3 days (2026-01-01..2026-01-03)",
    )
    assert [one["same_code"] for one in pair["dates"]] == [True] * 3
    assert (found["owner"], found["history"]) == (None, [])


@pytest.mark.usefixtures("made")
def test_a_date_that_differs_is_named_and_compared_again(command: Command, lake: Path) -> None:
    file = lake / "spending" / "2026-01-02.parquet"
    rows = pl.read_parquet(file)
    rows.with_columns(pl.col("cents") + 1).write_parquet(file)
    try:
        code, found, said = command("shadow", "--dates", "2026-01-01..2026-01-03")
        assert (code, found["equal"]) == (4, False)
        assert "first difference: spending of 2026-01-02" in said
        assert found["streak"]["broken_by"] == {"date": "2026-01-02", "step": "spending", "reason": "differs"}
        assert found["summary"] == "identical for 1 day (2026-01-03..2026-01-03)"
    finally:
        rows.write_parquet(file)
    code, found, _ = command("shadow", "--dates", "2026-01-01..2026-01-03")
    assert (code, found["streak"]["count"]) == (0, 3)
    assert compared(found) == {"2026-01-01": False, "2026-01-02": True, "2026-01-03": False}


def test_a_side_is_run_and_the_ledger_lies_in_a_bucket(
    command: Command, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, found, _ = command("shadow", "--dates", "2026-01-01", "--root", bucket)
    assert (code, compared(found)) == (0, {"2026-01-01": True})
    assert command("ledger", "--root", bucket)[1]["pairs"][0]["streak"]["count"] == 1
    # what the sides make is compared on this machine
    assert (tmp_path / "counterpoint-data" / "validate" / "local").is_dir()
    assert command("ledger")[1]["pairs"] == []


@pytest.mark.parametrize(
    ("words", "told"),
    [((), "name what to compare"), (("--dates", "2026-01-03..2026-01-02"), "is reversed")],
)
def test_bad_usage_is_named(command: Command, words: tuple[str, ...], told: str) -> None:
    code, _, error = command("shadow", *words)
    assert (code, told in error) == (2, True), error
