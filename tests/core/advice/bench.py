"""Reports as `compare` writes them, of bouts whose cost is given, and teams that differ in an answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint_compare.advice import Profile, typical
from counterpoint_compare.advice.compared import ORCHESTRATORS
from counterpoint_compare.code_excerpts import MODULES
from counterpoint_compare.figures import figures_of
from counterpoint_compare.operations import operations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FIVE = typical()["five_engineers"]
EQUAL = dict.fromkeys(ORCHESTRATORS, (1.0,))
LINES = {"airflow": 120, "dagster": 190, "prefect": 160}


def team(**answers: str | tuple[str, ...]) -> Profile:
    """A team that has answered these questions and no other."""
    return Profile("this team", {key: (one,) if isinstance(one, str) else one for key, one in answers.items()})


def report(costs: Mapping[str, Sequence[float]] = EQUAL, busy: Sequence[str] = ()) -> dict[str, Any]:
    """A report in which everything costs each side that much, bout by bout."""
    bouts = [bout(side, cost) for side, values in costs.items() for cost in values]
    return {
        "pipeline": "streamrec",
        "made": "2026-01-08T02:00:00+00:00",
        "rounds": max(map(len, costs.values())),
        "machine": {"cores": 2},
        "orchestrators": [{"name": side, "version": "1.0"} for side in costs],
        "busy": list(busy),
        "figures": figures_of(bouts),
        "operations": operations(),
        "code": {
            f"streamrec orchestrated: {Path(file).name} ({side})": {"files": 1, "lines": LINES.get(side, 74)}
            for side, file in MODULES.items()
        },
    }


def bout(side: str, cost: float) -> dict[str, Any]:
    return {
        "orchestrator": side,
        "start": {"seconds": 10 * cost, "cpu_seconds": cost, "database_bytes": 1000},
        "idle": {"cpu_seconds_a_minute": cost, "memory": int(cost * 2**28), "processes": int(4 * cost)},
        "runs": [run("empty", 1, cost), run("empty", 2, cost), run("small", 1, cost)],
    }


def run(workload: str, number: int, cost: float) -> dict[str, Any]:
    moments = [
        (f"2026-01-08T02:00:{10 * n:02}+00:00", f"2026-01-08T02:00:{10 * n + 10 - cost:09.6f}+00:00") for n in (1, 2)
    ]
    return {
        "workload": workload,
        "number": number,
        "status": "success",
        "seconds": 5 * cost,
        "cpu_seconds": cost,
        "peak_memory": int(cost * 2**28),
        "database_bytes": int(cost * 1000),
        "steps": [{"step": "one", "started": begun, "ended": ended} for begun, ended in moments],
    }
