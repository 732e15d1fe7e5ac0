"""The figures of several benchmark runs: per orchestrator the median, the range and all values."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

from counterpoint_compare.workloads import WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from counterpoint_compare.workloads import Workload

    Bout = Mapping[str, Any]
    Values = Callable[[Bout], Iterable[float]]

# percent of all cores that others may use when a bout begins; the load average would count what ran before it
BUSY = 15.0


def figures_of(bouts: Sequence[Bout]) -> list[dict[str, Any]]:
    """All figures, in the order in which they are shown; one that has none of a figure is left out of it."""
    found = [_figure(bouts, *row) for row in (*_START, *(row for one in WORKLOADS for row in _of_runs(one)))]
    return [figure for figure in found if figure["on"]]


def summary(values: Sequence[float]) -> dict[str, Any]:
    """The median of values, the interval that holds all of them, and the values."""
    return {"median": median(values), "low": min(values), "high": max(values), "values": list(values)}


def is_busy(bout: Bout) -> bool:
    """Whether the machine had other load when a benchmark run started."""
    return bool(bout["others_percent"] > BUSY)


def _figure(bouts: Sequence[Bout], name: str, title: str, unit: str, values: Values) -> dict[str, Any]:
    taken: dict[str, list[float]] = {}
    for bout in bouts:
        found = list(values(bout))
        if found:
            taken.setdefault(bout["orchestrator"], []).extend(found)
    return {"name": name, "title": title, "unit": unit, "on": {side: summary(all_) for side, all_ in taken.items()}}


def _idle(key: str) -> Values:
    return lambda bout: [bout["idle"][key]] if bout["idle"] else []


def _start(key: str) -> Values:
    return lambda bout: [bout["start"][key]] if bout["idle"] else []


_START: tuple[tuple[str, str, str, Values], ...] = (
    ("start.seconds", "Start time of the services", "s", _start("seconds")),
    ("start.cpu", "CPU time to start", "CPU s", _start("cpu_seconds")),
    ("idle.cpu", "CPU while idle", "CPU s/min", _idle("cpu_seconds_a_minute")),
    ("idle.memory", "Memory while idle (PSS)", "bytes", _idle("memory")),
    ("idle.processes", "Service processes", "", _idle("processes")),
)


def _of_runs(one: Workload) -> list[tuple[str, str, str, Values]]:
    """The figures of a workload; the first run on fresh services is the cold one where there are others."""
    workload = one.name
    cold = [("cold", "first run", _runs(workload, lambda run: bool(run["number"] == 1)))] if one.times > 1 else []
    warm = ("run", "later runs" if cold else "run", _runs(workload, lambda run: not cold or run["number"] > 1))
    found = []
    for kind, words, runs in (*cold, warm):
        at, title = f"{workload}.{kind}", f"{one.title}: {words}"
        found += [
            (f"{at}.seconds", f"{title}, from submission to end", "s", _each(runs, lambda run: run["seconds"])),
            (
                f"{at}.cpu",
                f"{title}, CPU per step",
                "CPU s",
                _each(runs, lambda run: run["cpu_seconds"] / len(run["steps"])),
            ),
        ]
    found += [
        (f"{workload}.gap", f"{one.title}: gap between two steps", "s", _each(warm[2], _gap)),
        (f"{workload}.memory", f"{one.title}: peak memory", "bytes", _served(warm[2], "peak_memory")),
        (f"{workload}.database", f"{one.title}: database growth", "bytes", _served(warm[2], "database_bytes")),
    ]
    return found


def _runs(workload: str, holds: Callable[[Mapping[str, Any]], bool]) -> Callable[[Bout], list[Mapping[str, Any]]]:
    return lambda bout: [run for run in bout["runs"] if run["workload"] == workload and holds(run)]


def _each(runs: Callable[[Bout], list[Mapping[str, Any]]], value: Callable[[Mapping[str, Any]], float]) -> Values:
    return lambda bout: [round(value(run), 4) for run in runs(bout) if run["status"] == "success"]


def _served(runs: Callable[[Bout], list[Mapping[str, Any]]], key: str) -> Values:
    return lambda bout: [run[key] for run in runs(bout)] if bout["idle"] else []


def _gap(run: Mapping[str, Any]) -> float:
    """The median of the seconds from the end of a step to the begin of the next one in time."""
    from datetime import datetime
    from itertools import pairwise

    times = sorted((one["started"], one["ended"]) for one in run["steps"] if one["started"] and one["ended"])
    moments = [tuple(map(datetime.fromisoformat, pair)) for pair in times]
    return median(max(0.0, (after[0] - before[1]).total_seconds()) for before, after in pairwise(moments))
