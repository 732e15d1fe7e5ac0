"""The figures of several benchmark runs: per orchestrator the median, the range and all values."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

from counterpoint_compare.workloads import WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from counterpoint_compare.workloads import Workload

    Benchmark = Mapping[str, Any]
    Values = Callable[[Benchmark], Iterable[float]]

# percent of all cores that others may use when a benchmark run starts; the load average would include earlier work
BUSY = 15.0


def figures_of(benchmarks: Sequence[Benchmark]) -> list[dict[str, Any]]:
    """All figures, in display order; a side without values for a figure is left out of it."""
    figures = [
        _figure(benchmarks, *row) for row in (*_START, *(row for workload in WORKLOADS for row in _of_runs(workload)))
    ]
    return [figure for figure in figures if figure["on"]]


def summary(values: Sequence[float]) -> dict[str, Any]:
    """The median of values, the interval that holds all of them, and the values."""
    return {"median": median(values), "low": min(values), "high": max(values), "values": list(values)}


def is_busy(benchmark: Benchmark) -> bool:
    """Whether the machine had other load when a benchmark run started."""
    return bool(benchmark["others_percent"] > BUSY)


def _figure(benchmarks: Sequence[Benchmark], name: str, title: str, unit: str, values: Values) -> dict[str, Any]:
    values_by_side: dict[str, list[float]] = {}
    for benchmark in benchmarks:
        measured = list(values(benchmark))
        if measured:
            values_by_side.setdefault(benchmark["orchestrator"], []).extend(measured)
    return {
        "name": name,
        "title": title,
        "unit": unit,
        "on": {side: summary(side_values) for side, side_values in values_by_side.items()},
    }


def _idle(key: str) -> Values:
    return lambda benchmark: [benchmark["idle"][key]] if benchmark["idle"] else []


def _start(key: str) -> Values:
    return lambda benchmark: [benchmark["start"][key]] if benchmark["idle"] else []


_START: tuple[tuple[str, str, str, Values], ...] = (
    ("start.seconds", "Start time of the services", "s", _start("seconds")),
    ("start.cpu", "CPU time to start", "CPU s", _start("cpu_seconds")),
    ("idle.cpu", "CPU while idle", "CPU s/min", _idle("cpu_seconds_a_minute")),
    ("idle.memory", "Memory while idle (PSS)", "bytes", _idle("memory")),
    ("idle.processes", "Service processes", "", _idle("processes")),
)


def _of_runs(workload: Workload) -> list[tuple[str, str, str, Values]]:
    """The figures of a workload; if it runs several times, the first run on fresh services is the cold one."""
    name = workload.name
    cold = [("cold", "first run", _runs(name, lambda run: bool(run["number"] == 1)))] if workload.times > 1 else []
    warm = ("run", "later runs" if cold else "run", _runs(name, lambda run: not cold or run["number"] > 1))
    figures = []
    for kind, words, runs in (*cold, warm):
        prefix, title = f"{name}.{kind}", f"{workload.title}: {words}"
        figures += [
            (f"{prefix}.seconds", f"{title}, from submission to end", "s", _each(runs, lambda run: run["seconds"])),
            (
                f"{prefix}.cpu",
                f"{title}, CPU per step",
                "CPU s",
                _each(runs, lambda run: run["cpu_seconds"] / len(run["steps"])),
            ),
        ]
    figures += [
        (f"{name}.gap", f"{workload.title}: gap between two steps", "s", _each(warm[2], _gap)),
        (f"{name}.memory", f"{workload.title}: peak memory", "bytes", _served(warm[2], "peak_memory")),
        (f"{name}.database", f"{workload.title}: database growth", "bytes", _served(warm[2], "database_bytes")),
    ]
    return figures


def _runs(
    workload: str, is_wanted: Callable[[Mapping[str, Any]], bool]
) -> Callable[[Benchmark], list[Mapping[str, Any]]]:
    return lambda benchmark: [run for run in benchmark["runs"] if run["workload"] == workload and is_wanted(run)]


def _each(runs: Callable[[Benchmark], list[Mapping[str, Any]]], value: Callable[[Mapping[str, Any]], float]) -> Values:
    return lambda benchmark: [round(value(run), 4) for run in runs(benchmark) if run["status"] == "success"]


def _served(runs: Callable[[Benchmark], list[Mapping[str, Any]]], key: str) -> Values:
    return lambda benchmark: [run[key] for run in runs(benchmark)] if benchmark["idle"] else []


def _gap(run: Mapping[str, Any]) -> float:
    """The median of the seconds from the end of a step to the start of the next one."""
    from datetime import datetime
    from itertools import pairwise

    times = sorted((step["started"], step["ended"]) for step in run["steps"] if step["started"] and step["ended"])
    moments = [tuple(map(datetime.fromisoformat, pair)) for pair in times]
    return median(max(0.0, (following[0] - previous[1]).total_seconds()) for previous, following in pairwise(moments))
