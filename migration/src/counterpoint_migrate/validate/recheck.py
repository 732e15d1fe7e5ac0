"""Checking a verdict again: all digests are reckoned anew from the outputs where they lie, and compared as before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.diff import Options, Tolerance
from counterpoint.errors import CounterpointError, UsageError
from counterpoint.files import read_document
from counterpoint.runtime import find_pipeline
from counterpoint_migrate.validate.data_sides import RunSide
from counterpoint_migrate.validate.legacy import LegacySide
from counterpoint_migrate.validate.legacyfile import specs_of
from counterpoint_migrate.validate.matching import match
from counterpoint_migrate.validate.validate import how_of
from counterpoint_migrate.validate.verdict import FORM

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from counterpoint_migrate.validate.data_sides import Output, Side


def read_verdict(path: Path) -> dict[str, Any]:
    """The verdict in a file, or in a folder's verdict.json.

    Raises:
        UsageError: there is none.
    """
    writer = "counterpoint migrate validate --out DIR"
    file, found = read_document(path, "verdict.json", writer, option="--again")
    if not isinstance(found, dict) or found.get("verdict_form") != FORM:
        raise UsageError(f"--again {file} is no verdict of this release: make it again by 'migrate validate'")
    return found


def check_again(verdict: Mapping[str, Any]) -> dict[str, Any]:
    """Whether a verdict still holds, and what is otherwise by now.

    Raises:
        UsageError: the pipeline of the verdict is not found here.
    """
    left, right = (_side(verdict, which) for which in ("left", "right"))
    changed = [change for row in verdict["outputs"] for change in _changes(row, left, right, verdict["how"])]
    if verdict["equal"] != all(row["status"] != "differs" for row in verdict["outputs"]):
        changed.append({"step": None, "date": None, "what": "equal", "was": verdict["equal"], "now": None})
    return {"holds": not changed, "equal": verdict["equal"], "checked": len(verdict["outputs"]), "changed": changed}


def _side(verdict: Mapping[str, Any], which: str) -> Side:
    told = verdict["sides"][which]
    if told["sort"] == "run":
        return RunSide(told["name"], told["root"], told["pipeline"], told["config"], afresh=True)
    pipeline = find_pipeline(verdict["pipeline"])
    specs = specs_of(told["values"], pipeline, told["file"])
    return LegacySide(told["name"], pipeline, told["file"], Path(told["base"]), told["values"], specs)


def _changes(row: Mapping[str, Any], left: Side, right: Side, how: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What of an output is otherwise: a digest of a side, or, where these are as they were, how they compare."""
    place = {"step": row["step"], "date": row["date"]}
    found: dict[str, Output | None] = {}
    changed = False
    for which, side in (("left", left), ("right", right)):
        was = row[which]["digest"] if row[which] else None
        found[which], now = _digest(side, row["step"], row["date"])
        if was != now:
            changed = True
            yield {**place, "what": f"{which} digest", "was": was, "now": now}
    if not changed:
        tolerance = Tolerance(how["tolerance"]["default"], how["tolerance"]["columns"])
        options = Options((), tolerance, how["samples"])
        used = how_of(left, options, row["step"], strict_order=how["strict_order"])
        now = match(row["step"], row["date"], found["left"], found["right"], used).status.value
        if now != row["status"]:
            yield {**place, "what": "status", "was": row["status"], "now": now}


def _digest(side: Side, step: str, date: str) -> tuple[Output | None, str | None]:
    try:
        output = side.output(step, date)
    except CounterpointError as error:
        return None, f"unreadable: {error}"
    return output, output.digest if output else None
