"""Outputs that a DAG of somebody else's left, against the same pipeline as Dagster's assets, by `migrate validate`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from counterpoint_migrate.cli import validating

pytestmark = [pytest.mark.dagster, pytest.mark.long]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

MARKET = str(Path(__file__).parents[1] / "core" / "migration")
DAYS = tuple(f"2026-01-{day:02}" for day in range(3, 10))


@pytest.fixture(scope="module", autouse=True)
def importable(on_path: Callable[[str], AbstractContextManager[None]]) -> Iterator[None]:
    with on_path(MARKET):
        yield
    sys.modules.pop("market", None)


@pytest.fixture
def validate(tmp_path: Path) -> Callable[[], tuple[int, dict[str, Any]]]:
    """Runs the command for seven days: its exit code and the verdict that it wrote."""

    def run() -> tuple[int, dict[str, Any]]:
        parser = argparse.ArgumentParser()
        parser.set_defaults(action="validate", json=False, quiet=False, root=str(tmp_path / "root"))
        validating.arguments(parser)
        words = ["market:shop", "--from", "airflow", "--to", "dagster", "--dates", f"{DAYS[0]}..{DAYS[-1]}"]
        words += ["--legacy", str(tmp_path / "legacy.toml"), "--out", str(tmp_path / "out")]
        code = validating.run(parser.parse_args(words, argparse.Namespace(argv=["migrate", "validate", *words])))
        return code, json.loads((tmp_path / "out" / "verdict.json").read_text(encoding="utf-8"))

    return run


def test_seven_days_are_equal_and_a_mutant_is_caught(
    tmp_path: Path, validate: Callable[[], tuple[int, dict[str, Any]]]
) -> None:
    import market

    market.leave(tmp_path, market.PARTITIONS.start, DAYS[-1])
    code, found = validate()
    assert (code, found["equal"], found["causes"]) == (0, True, [])
    assert {(row["date"], row["step"]) for row in found["outputs"]} == {
        (day, step) for day in DAYS for step in market.shop.step_names
    }
    assert {row["by"] for row in found["outputs"]} == {"digest"}
    assert found["sides"]["right"]["orchestrator_version"].startswith("1.")
    assert {run["orchestrator"] for run in found["sides"]["right"]["runs"]} == {"dagster"}
    file = tmp_path / "spending" / f"{DAYS[4]}.parquet"
    rows = pl.read_parquet(file)
    pl.concat([rows, rows.head(5)]).write_parquet(file)
    code, found = validate()
    (cause,) = found["causes"]
    assert (code, cause["step"], cause["dates"], cause["hint"]["name"]) == (4, "spending", [DAYS[4]], "duplicates")
    assert [row["step"] for row in found["outputs"] if row["status"] == "differs"] == ["spending"]
