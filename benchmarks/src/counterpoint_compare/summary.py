"""The first screen of a report: what each side takes, a row a question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint_compare.advice.report import acts_of, lines_of
from counterpoint_compare.charts import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Values = Mapping[str, float]

_FIGURES = {
    "start.seconds": "Services from nothing to ready",
    "idle.memory": "Memory while idle",
    "idle.cpu": "CPU while idle",
    "empty.run.seconds": "A run of 8 steps that do nothing",
    "small.run.seconds": "40 small tasks in a row",
    "long.run.seconds": "10 long tasks in a row",
    "streamrec.run.seconds": "A small day of StreamRec",
}


def summary_of(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of a question and what each side takes, as people read it; `least` names the sides that take least."""
    return [_row(title, unit, values) for title, unit, values in _rows(results) if values]


def _row(title: str, unit: str, values: Values) -> dict[str, Any]:
    told = {side: shown(value, unit) for side, value in values.items()}
    # the local runner is nobody's rival: it has no services, no page and no schedule
    rivals = {side: value for side, value in values.items() if side not in {"local", "counterpoint"}}
    least = [side for side, value in rivals.items() if told[side] == shown(min(rivals.values()), unit)]
    return {"title": title, "on": told, "least": least if len(least) < len(rivals) else []}


def _rows(results: Mapping[str, Any]) -> Iterator[tuple[str, str, Values]]:
    figures = {figure["name"]: figure for figure in results["figures"]}
    for name, title in _FIGURES.items():
        if name in figures:
            on = figures[name]["on"]
            yield title, figures[name]["unit"], {side: on[side]["median"] for side in on}
    yield (
        "A bug: until the run is known to have failed",
        "s",
        _toured(results, lambda one: one["bug"]["run"]["seconds"]),
    )
    yield "… and why takes to name its line", "s", _toured(results, lambda one: one["bug"]["why"]["seconds"])
    yield "7 days again, one of them corrupt", "s", _toured(results, lambda one: one["week"]["first"]["seconds"])
    yield "… and what failed once more, after the mend", "s", _toured(results, lambda o: o["week"]["retry"]["seconds"])
    yield "Importing the pipeline", "s", _toured(results, lambda one: one["imports"]["streamrec"])
    yield "Lines that orchestrate StreamRec by hand", "", lines_of(results)
    yield f"What an operator does for {len(results['operations'])} ends", "", acts_of(results)


def _toured(results: Mapping[str, Any], value: Callable[[Mapping[str, Any]], float]) -> Values:
    return {one["orchestrator"]: value(one) for one in results["tours"]}
