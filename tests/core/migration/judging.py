"""Judging legacy outputs of the market that a change made wrong; each verdict is held against its schema and page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import market
import polars as pl
from markupsafe import escape

from counterpoint_migrate.validate.legacy import LegacySide
from counterpoint_migrate.validate.legacyfile import read_legacy
from counterpoint_migrate.validate.validate import Question, compare, how_of, refuse_nothing
from counterpoint_migrate.validate.verdict import verdict_of
from counterpoint_migrate.validate.verdictpage import write_verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from counterpoint_migrate.validate.data_sides import RunSide

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/schemas/verdict.schema.json").read_text(encoding="utf-8"))
GIT = {"commit": "0123456789abcdef", "branch": "main", "dirty": False, "diff_digest": None, "reason": None}
FIRST, WRONG, LAST = ALL = ("2026-01-03", "2026-01-04", "2026-01-05")
BEFORE, AFTER = "2026-01-02", "2026-01-06"
SPENT = pl.DataFrame({"customer": [1], "orders": [1], "cents": [1]})


def right_side(folder: Path, seed: int = 7) -> RunSide:
    """The side that is right, from the day before the first to that after the last."""
    return market.stand(folder, BEFORE, AFTER, seed)


def judged(
    folder: Path,
    right: RunSide,
    change: market.Change | None = None,
    first: str = BEFORE,
    without: tuple[str, ...] = (),
    **more: Any,
) -> dict[str, Any]:
    """The verdict on a legacy side that begins at a date, of which some steps are not listed."""
    number = len(list(folder.iterdir()))
    lake = folder / f"lake-{number}"
    lake.mkdir()
    file = market.leave(lake, first, AFTER, right.config["seed"], change)
    question = Question("market:shop", FIRST, LAST, "airflow", "dagster", str(folder), right.config, **more)
    values, specs = read_legacy(file, question.described)
    listed = {name: spec for name, spec in specs.items() if name not in without}
    left = LegacySide("airflow", question.described, str(file), file.parent, values, listed)

    def how(step: str) -> Any:
        return how_of(left, question.options, step, strict_order=question.strict_order)

    matches = compare(left, right, question.described, question.dates, how)
    refuse_nothing(left, matches)
    verdict = verdict_of(question, (left, right), matches, GIT)
    jsonschema.validate(json.loads(json.dumps(verdict)), SCHEMA)
    told = write_verdict(verdict, lake / "verdict").read_text(encoding="utf-8")
    assert all(cause["hint"] is None or str(escape(cause["hint"]["text"])) in told for cause in verdict["causes"])
    return verdict


def at(step: str, changed: Callable[..., Any], *dates: str) -> market.Change:
    """A mutant: what one step makes is changed, on some dates or on all."""

    def change(name: str, value: Any, partition: Any) -> Any:
        return changed(value, partition) if name == step and (not dates or partition.key in dates) else value

    return change


def only(verdict: dict[str, Any]) -> tuple[str, tuple[str, ...], str | None]:
    """The step, dates and hint of the only cause."""
    (cause,) = verdict["causes"]
    return cause["step"], tuple(cause["dates"]), cause["hint"] and cause["hint"]["name"]


def repeated(rows: pl.DataFrame, _: Any) -> pl.DataFrame:
    """A table of which some rows were appended again."""
    return pl.concat([rows, rows.head(40)])
