"""The verdict as a web page, and the text that it shares with the terminal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from counterpoint.commands import command
from counterpoint.errors import UsageError
from counterpoint.files import put
from counterpoint_migrate.inventory.report import write_template

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_MAX_LENGTH = 80
_SHORT = 12


def write_verdict(verdict: Mapping[str, Any], out: Path) -> Path:
    """Writes verdict.html and verdict.json into a folder, each atomically; returns the page.

    Raises:
        UsageError: the folder cannot be written.
    """
    page, document = out / "verdict.html", out / "verdict.json"
    text = json.dumps(verdict, indent=2, default=str) + "\n"
    recheck_command = command("migrate", "validate", "--again", str(document.absolute()), root=None)
    functions = {function.__name__: function for function in (sentence_of, short, cell_of, brief, place_of, kilobytes)}
    try:
        out.mkdir(parents=True, exist_ok=True)
        # verdict.json comes last: if it exists, its page exists, too
        write_template(page, "verdict.html.j2", v=verdict, grid=grid_of(verdict), again=recheck_command, **functions)
        put(document, text)
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be written: {error.strerror}") from error
    return page


def sentence_of(verdict: Mapping[str, Any]) -> str:
    """The verdict in one sentence."""
    outputs, sides = verdict["outputs"], [verdict["sides"][position]["name"] for position in ("left", "right")]
    compared = [row for row in outputs if row["status"] != "absent"]
    subject = f"{sides[0]} and {sides[1]}, {verdict['dates'][0]} to {verdict['dates'][-1]}"
    if verdict["equal"]:
        by_value = sum(row["by"] == "value" for row in compared)
        by_value_note = f", {by_value} of them by value but not by digest" if by_value else ""
        left_out_note = f"; {len(verdict['not_compared'])} steps not compared" if verdict["not_compared"] else ""
        return (
            f"{subject}: equal, {len(compared)} outputs of {len(verdict['steps'])} steps{by_value_note}{left_out_note}"
        )
    differing = sum(row["status"] == "differs" for row in compared)
    first = f"{verdict['causes'][0]['step']} of {verdict['causes'][0]['dates'][0]}"
    return f"{subject}: DIFFERENT, {differing} of {len(compared)} outputs; first difference: {first}"


def grid_of(verdict: Mapping[str, Any]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """The outputs by date, each in the order of the steps."""
    by_place = {(row["date"], row["step"]): row for row in verdict["outputs"]}
    return [(date, [by_place[date, step] for step in verdict["steps"]]) for date in verdict["dates"]]


def cell_of(row: Mapping[str, Any], verdict: Mapping[str, Any]) -> str:
    """The result of an output, in a word."""
    if row["status"] != "differs":
        return {"digest": "equal", "value": "equal by value"}.get(row["by"], str(row["status"]))
    first = any(row["step"] == cause["step"] and row["date"] in cause["dates"] for cause in verdict["causes"])
    return "first difference" if first else "differs"


def short(digest: str | None) -> str:
    """The first digits of a digest."""
    return "–" if digest is None else digest.removeprefix("sha256:")[:_SHORT]


def brief(value: Any) -> str:
    """A value, short enough for a table."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _MAX_LENGTH else f"{text[: _MAX_LENGTH - 1]}…"


def place_of(output: Mapping[str, Any] | None) -> str:
    """The place of an output, with the version of a table."""
    if output is None:
        return "no output"
    version = output["table_version"]
    return str(output["place"]) if version is None else f"{output['place']}@{version}"


def kilobytes(files: Sequence[Mapping[str, Any]]) -> str:
    """The number of files and their size."""
    size = sum(file["bytes"] or 0 for file in files)
    return f"{len(files)} files, {size / 1024:,.0f} KB"
