"""The summary of a report: a row per measurement, a column per side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint_compare.advice.report import acts_of, lines_of
from counterpoint_compare.charts import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Values = Mapping[str, float]

_FIGURES = {
    "start.seconds": "Start time of the services",
    "idle.memory": "Memory of idle services",
    "idle.cpu": "CPU of idle services",
    "empty.run.seconds": "Run time: 8 empty steps",
    "small.run.seconds": "Run time: 40 short tasks in sequence",
    "long.run.seconds": "Run time: 10 long tasks in sequence",
    "streamrec.run.seconds": "Run time: StreamRec, 4,000 events",
}


def summary_of(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows, with the formatted values of each side; `least` names the sides with the lowest value."""
    return [_row(title, unit, values) for title, unit, values in _rows(results) if values]


def _row(title: str, unit: str, values: Values) -> dict[str, Any]:
    texts = {side: shown(value, unit) for side, value in values.items()}
    # the local runner is left out of the ranking: it has no services, no page and no schedule
    orchestrated = {side: value for side, value in values.items() if side not in {"local", "counterpoint"}}
    lowest = [side for side, value in orchestrated.items() if texts[side] == shown(min(orchestrated.values()), unit)]
    return {"title": title, "on": texts, "least": lowest if len(lowest) < len(orchestrated) else []}


def _rows(results: Mapping[str, Any]) -> Iterator[tuple[str, str, Values]]:
    figures = {figure["name"]: figure for figure in results["figures"]}
    for name, title in _FIGURES.items():
        if name in figures:
            sides = figures[name]["on"]
            yield title, figures[name]["unit"], {side: sides[side]["median"] for side in sides}
    yield (
        "Time until a bug fails the run",
        "s",
        _toured(results, lambda tour: tour["bug"]["run"]["seconds"]),
    )
    yield "Time to root cause with why", "s", _toured(results, lambda tour: tour["bug"]["why"]["seconds"])
    yield "Backfill time: 7 days, one corrupt", "s", _toured(results, lambda tour: tour["week"]["first"]["seconds"])
    yield "Retry time after the repair", "s", _toured(results, lambda tour: tour["week"]["retry"]["seconds"])
    yield "Import time of the pipeline", "s", _toured(results, lambda tour: tour["imports"]["streamrec"])
    yield "Lines of code that orchestrate StreamRec", "", lines_of(results)
    yield f"Actions for {len(results['operations'])} operator tasks", "", acts_of(results)


def _toured(results: Mapping[str, Any], value_of: Callable[[Mapping[str, Any]], float]) -> Values:
    return {tour["orchestrator"]: value_of(tour) for tour in results["tours"]}
