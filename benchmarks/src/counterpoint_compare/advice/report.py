"""The rows of a `results.json` that are used as evidence."""

from __future__ import annotations

import json
import re
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from counterpoint.commands import SOURCE, command
from counterpoint.errors import UsageError
from counterpoint_compare.advice.compared import ORCHESTRATORS
from counterpoint_compare.advice.tables import criteria

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from counterpoint_compare.advice.tables import Measure


_ORCHESTRATED = re.compile(r"streamrec orchestrated: .* \((\w+)\)")


class Row(NamedTuple):
    """A measured row: its title, its unit, and the values of each side."""

    title: str
    unit: str
    values: Mapping[str, tuple[float, ...]]


def read_results(path: Path) -> dict[str, Any]:
    """Reads the results of `counterpoint compare`.

    Raises:
        UsageError: the file cannot be read, or is something else; the message names the file and the fix.
    """
    fix = "give the results.json of `counterpoint compare` or `make compare`"
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"--report {path}: cannot be read ({error}): {fix}") from None
    if not isinstance(results, dict) or not isinstance(results.get("figures"), list):
        raise UsageError(f"--report {path}: has no figures: {fix}")
    try:
        for measure in (criterion_measure for criterion in criteria() for criterion_measure in criterion.measures):
            row_of(measure, results)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"--report {path}: is not as compare writes it ({error!r}): {fix}") from None
    return results


def about(results: Mapping[str, Any]) -> dict[str, Any]:
    """The facts about the report that the advice shows."""
    releases = {side["name"]: side["version"] for side in results.get("orchestrators", ())}
    return {key: results.get(key) for key in ("made", "pipeline", "rounds", "machine")} | {"releases": releases}


def command_of(results: Mapping[str, Any]) -> str:
    """The command that measured the figures."""
    source = results.get("source")
    config = {} if source in {None, "synthetic", "the pipeline's own"} else {SOURCE: source}
    date = ("--date", results["date"]) if "date" in results else ()
    words = ("compare", str(results.get("pipeline")), *date, "--rounds", str(results.get("rounds")))
    return command(*words, root=None, config=config)


def row_of(measure: Measure, results: Mapping[str, Any]) -> Row | None:
    """The row of a measure, or None where the report does not have it."""
    if measure.code:
        return Row(measure.code, "", _once(lines_of(results)))
    if measure.acts:
        return Row(measure.acts, "", _once(acts_of(results)))
    for figure in results["figures"]:
        if figure["name"] == measure.figure:
            sides = {side: tuple(map(float, on["values"])) for side, on in figure["on"].items()}
            return Row(figure["title"], figure["unit"], {side: values for side, values in sides.items() if values})
    return None


def _once(values: Mapping[str, int]) -> dict[str, tuple[float, ...]]:
    return {side: (float(values[side]),) for side in ORCHESTRATORS if side in values}


def lines_of(results: Mapping[str, Any]) -> dict[str, int]:
    """The lines that orchestrate StreamRec, by side, from labels such as `…: dagster_assets.py (dagster)`."""
    labels = {_ORCHESTRATED.fullmatch(label): size["lines"] for label, size in results.get("code", {}).items()}
    return {match[1]: lines for match, lines in labels.items() if match}


def acts_of(results: Mapping[str, Any]) -> dict[str, int]:
    """The number of operator actions for all tasks together, by side, of sides that have every task."""
    tasks = [task["on"] for task in results.get("operations", ())]
    return {
        side: sum(len(task_actions[side]) for task_actions in tasks)
        for side in (tasks[0] if tasks else ())
        if all(side in task_actions for task_actions in tasks)
    }


def score_of(values: tuple[float, ...], of_all: Mapping[str, tuple[float, ...]]) -> float:
    """The best median divided by this side's median; 1 if the range of the values overlaps that of the best."""
    best = min(of_all.values(), key=median)
    if min(values) <= max(best):
        return 1.0
    return max(0.0, median(best)) / median(values) if median(values) > 0 else 1.0
