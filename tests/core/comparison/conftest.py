"""Invented bouts, and the results that the room makes of them."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from counterpoint_compare.figures import figures_of
from counterpoint_compare.measured import Measured
from counterpoint_compare.results import results_of
from counterpoint_compare.runs import Comparison, Contestant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SIDES = {"local": "0.1.0", "airflow": "3.3.2", "dagster": "1.13.27"}
USUAL = {"local": 1.0, "airflow": 3.0, "dagster": 9.0}
FIRST = 1_780_000_000


def stamp(seconds: float) -> str:
    return datetime.fromtimestamp(FIRST + seconds, UTC).isoformat()


STEPS = [{"step": f"s{n}", "started": stamp(2 * n), "ended": stamp(2 * n + 1)} for n in range(8)]


def one_run(number: int, seconds: float, cpu: float, grown: int) -> dict[str, Any]:
    used = {"cpu_seconds": cpu, "peak_memory": int(cpu * 2**26), "database_bytes": grown}
    return {"workload": "empty", "number": number, "status": "success", "seconds": seconds, "steps": STEPS, **used}


class Invented:
    """Reports whose every value is drawn, with noise, by a seeded generator."""

    def __init__(self, seed: int = 7, noise: float = 0.04) -> None:
        self.random = random.Random(seed)  # noqa: S311 - invented
        self.noise, self.begun = noise, 0

    def drawn(self, value: float) -> float:
        return round(value * math.exp(self.random.gauss(0, self.noise)), 4)

    def bout(self, side: str, slower: float = 1.0) -> dict[str, Any]:
        usual, served = USUAL[side], side != "local"
        self.begun += 60
        runs = [
            one_run(n, self.drawn(usual * slower), self.drawn(usual), int(self.drawn(40960 * usual))) for n in (1, 2)
        ]
        rate, memory = self.drawn(2 * usual), int(self.drawn(2**27 * usual))
        idle = {"cpu_seconds_a_minute": rate, "memory": memory, "processes": 4}
        start = {"seconds": self.drawn(2 * usual), "cpu_seconds": self.drawn(usual), "database_bytes": 0}
        return {
            "orchestrator": side,
            "version": SIDES[side],
            "begun": stamp(self.begun),
            "load": [0.1, 0.1, 0.1],
            "others_percent": 1.0,
            "start": start,
            "idle": idle if served else None,
            "runs": runs,
            "stop_seconds": 1.0,
        }

    def bouts(self, rounds: int, slower: Mapping[str, float] | None = None) -> list[dict[str, Any]]:
        """Rounds of all sides; `slower` are factors on the seconds of a side's runs."""
        return [self.bout(side, (slower or {}).get(side, 1.0)) for _ in range(rounds) for side in SIDES]

    def report(self, rounds: int = 5, slower: Mapping[str, float] | None = None, **changed: Any) -> dict[str, Any]:
        return with_bouts({**made(), **changed}, self.bouts(rounds, slower), rounds)


def with_bouts(results: Mapping[str, Any], bouts: list[dict[str, Any]], rounds: int = 1) -> dict[str, Any]:
    """A report as it would be with other bouts."""
    return {**results, "bouts": bouts, "figures": figures_of(bouts), "rounds": rounds}


@cache
def made() -> dict[str, Any]:
    """A report without bouts; reading the code of all sides into it takes a while."""
    asked = Comparison("streamrec", "2026-01-07", tuple(SIDES), "/tmp/none", "synthetic:rows=9")  # noqa: S108
    return results_of(asked, [contestant(side) for side in SIDES], {"core": {"files": 1, "lines": 2}})


def contestant(side: str) -> Contestant:
    times = {"started": stamp(0), "ended": stamp(9)}
    digest = {"uri": "file:///raw", "rows": 3, "digest": f"sha256:{'a' * 64}"}
    done = {"status": "success", "attempts": 1, "metrics": {}, "cpu_seconds": 1.0, "peak_memory": 1000, **times}
    steps = [{"name": name, "output": digest, **done} for name in ("raw", "model")]
    about = {"run_id": f"run-{side}", "orchestrator_version": SIDES[side], "status": "success", "date": "2026-01-07"}
    record = {**about, **times, "steps": steps, "upstream": []}
    command = ("counterpoint", "run", "streamrec", "--on", side, "--set", 'retrieval={"epochs": 1}', "--root", "x")
    return Contestant(side, command, Measured(0, "", 10.0, 12.5, 2**30, 4), record)


@pytest.fixture
def invented() -> Callable[..., Invented]:
    return Invented


@pytest.fixture
def rebuilt() -> Callable[..., dict[str, Any]]:
    return with_bouts
