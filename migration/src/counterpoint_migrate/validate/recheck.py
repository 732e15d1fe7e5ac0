"""Rechecks a verdict: computes all digests again from the stored outputs, and compares them as before."""

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
        UsageError: the verdict cannot be read.
    """
    writer = "counterpoint migrate validate --out DIR"
    file, verdict = read_document(path, "verdict.json", writer, option="--again")
    if not isinstance(verdict, dict) or verdict.get("verdict_form") != FORM:
        raise UsageError(f"--again {file} is no verdict of this release: make it again by 'migrate validate'")
    return verdict


def check_again(verdict: Mapping[str, Any]) -> dict[str, Any]:
    """Whether a verdict still holds, and what has changed since.

    Raises:
        UsageError: the pipeline of the verdict does not exist here.
    """
    left, right = (_side(verdict, position) for position in ("left", "right"))
    changed = [change for row in verdict["outputs"] for change in _changes(row, left, right, verdict["how"])]
    if verdict["equal"] != all(row["status"] != "differs" for row in verdict["outputs"]):
        changed.append({"step": None, "date": None, "what": "equal", "was": verdict["equal"], "now": None})
    return {"holds": not changed, "equal": verdict["equal"], "checked": len(verdict["outputs"]), "changed": changed}


def _side(verdict: Mapping[str, Any], position: str) -> Side:
    description = verdict["sides"][position]
    if description["sort"] == "run":
        return RunSide(
            description["name"], description["root"], description["pipeline"], description["config"], afresh=True
        )
    pipeline = find_pipeline(verdict["pipeline"])
    specs = specs_of(description["values"], pipeline, description["file"])
    return LegacySide(
        description["name"], pipeline, description["file"], Path(description["base"]), description["values"], specs
    )


def _changes(row: Mapping[str, Any], left: Side, right: Side, how: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The changes of an output: the digest of a side or, if both digests are unchanged, the status."""
    place = {"step": row["step"], "date": row["date"]}
    outputs: dict[str, Output | None] = {}
    changed = False
    for position, side in (("left", left), ("right", right)):
        old = row[position]["digest"] if row[position] else None
        outputs[position], new = _digest(side, row["step"], row["date"])
        if old != new:
            changed = True
            yield {**place, "what": f"{position} digest", "was": old, "now": new}
    if not changed:
        tolerance = Tolerance(how["tolerance"]["default"], how["tolerance"]["columns"])
        options = Options((), tolerance, how["samples"])
        comparison = how_of(left, options, row["step"], strict_order=how["strict_order"])
        new = match(row["step"], row["date"], outputs["left"], outputs["right"], comparison).status.value
        if new != row["status"]:
            yield {**place, "what": "status", "was": row["status"], "now": new}


def _digest(side: Side, step: str, date: str) -> tuple[Output | None, str | None]:
    try:
        output = side.output(step, date)
    except CounterpointError as error:
        return None, f"unreadable: {error}"
    return output, output.digest if output else None
