"""The shape of a results.json from another machine: the parts that are read, and their types."""

from __future__ import annotations

from math import isfinite
from typing import Any

from counterpoint.storage.shapes import moment

_MAXIMUM = 1e18


def number(value: Any) -> bool:
    """Whether a value is a finite number of plausible size."""
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) and abs(value) < _MAXIMUM


def amount(value: Any) -> bool:
    """Whether a value is a number that is not negative."""
    return number(value) and value >= 0


def count(value: Any) -> bool:
    """Whether a value is a whole number that is not negative."""
    return isinstance(value, int) and amount(value)


def _values(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(number, value))


_SUMMARY = {"median": number, "low": number, "high": number, "values": _values}
_STEP = {"step": str, "started": (moment, None), "ended": (moment, None)}
_RUN = {
    "workload": str,
    "number": count,
    "status": str,
    **dict.fromkeys(("seconds", "cpu_seconds", "database_bytes"), number),
    "peak_memory": count,
    "steps": [_STEP],
}
_BENCHMARK = {
    **dict.fromkeys(("orchestrator", "version", "begun"), str),
    "load": [number],
    "start": {"seconds": number, "cpu_seconds": number, "database_bytes": count},
    "idle": ({"cpu_seconds_a_minute": number, "memory": count, "processes": count}, None),
    "runs": [_RUN],
    "stop_seconds": number,
    "others_percent": amount,
}
_SIDE = {
    "name": str,
    "version": (str, None),
    "status": str,
    **dict.fromkeys(("wall_seconds", "run_seconds", "step_cpu_seconds", "cpu_seconds"), (amount, None)),
    "peak_memory": count,
    "processes": count,
}
_MACHINE = {"system": str, "processor": str, "cores": count, "memory": count, "python": str, "load": [number]}
RESULTS = {
    **dict.fromkeys(("pipeline", "date", "source", "made", "counterpoint"), str),
    "equal": bool,
    "machine": _MACHINE,
    "orchestrators": [_SIDE],
    "outputs": [{"date": str, "step": str, "rows": (count, None), "equal": bool, "digests": {str: (str, None)}}],
    "code": {str: {"files": count, "lines": count}},
    "rounds": count,
    "figures": [{"name": str, "title": str, "unit": str, "on": {str: _SUMMARY}}],
    "bouts": [_BENCHMARK],
}
