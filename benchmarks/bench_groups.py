"""What a group saves: a run of 8 small steps in tasks of their own, and of the same steps in one task.

The steps hand on small values, in a chain or side by side after the first one, and run on the real services of each
orchestrator: one run of each to warm up, then `--runs` of each, interleaved. Wall time from the request until the run
is seen to have ended; medians, and the ratio of the two. The local runner ignores groups: its row shows the noise.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from counterpoint.model import Pipeline, RunRequest, step

ROOT = Path(__file__).resolve().parents[1]
NAME = Path(__file__).stem
STEPS = 8
ORCHESTRATORS = ("local", "airflow", "dagster", "prefect")


def begin() -> list[int]:
    """The first step."""
    return [1, 2, 3]


def grow(given: list[int]) -> list[int]:
    """Each other step."""
    return [number + 1 for number in given]


def pipeline(name: str, shape: str, group: str | None) -> Pipeline:
    """Small steps one after the other (a chain) or side by side (a fan between two), in one group or in none."""
    names = [f"{name}_{number}" for number in range(1, STEPS + 1)]
    before = dict(pairwise(reversed(names)))
    fan = dict.fromkeys(names[1:], names[0])
    edges = before if shape == "chain" else fan
    steps = [step(f"{NAME}:grow", name=n, inputs={"given": edges[n]}, group=group) for n in names[1:]]
    return Pipeline(name, (step(f"{NAME}:begin", name=names[0], group=group), *steps))


chain_apart, chain_together = pipeline("chain_apart", "chain", None), pipeline("chain_together", "chain", "links")
fan_apart, fan_together = pipeline("fan_apart", "fan", None), pipeline("fan_together", "fan", "blades")
NAMES = ("chain_apart", "chain_together", "fan_apart", "fan_together")


def measure(orchestrator: str, runs: int) -> None:
    """Prints what runs on one orchestrator take; in its environment."""
    from counterpoint.services import LocalEngine, engine_for

    with tempfile.TemporaryDirectory(prefix="groups-") as root:
        served = tuple(f"{NAME}:{name}" for name in NAMES)
        if orchestrator == "local":
            _print(orchestrator, _timed(LocalEngine(), orchestrator, root, runs))
            return
        with engine_for(orchestrator, root, served, service=True) as engine:
            _print(orchestrator, _timed(engine, orchestrator, root, runs))


def _timed(engine: Any, orchestrator: str, root: str, runs: int) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in NAMES}
    for number in range(runs + 1):
        for name, times in seconds.items():
            day = date(2026, 1, 1) + timedelta(days=number)
            request = RunRequest(f"{NAME}:{name}", str(day), f"{name}-{day}", root, orchestrator, effects=False)
            begun = time.perf_counter()
            (native,) = engine.run([request])
            if native.failed:
                raise SystemExit(f"{orchestrator}: the run {request.run_id} failed")
            times.append(time.perf_counter() - begun)
    return {name: times[1:] for name, times in seconds.items()}


def _print(orchestrator: str, seconds: dict[str, list[float]]) -> None:
    for shape in ("chain", "fan"):
        apart, together = (median(seconds[f"{shape}_{how}"]) for how in ("apart", "together"))
        print(f"| {orchestrator} | {shape} | {apart:.1f} | {together:.1f} | {apart / together:.1f} |", flush=True)


def main() -> None:
    """Measures each orchestrator in its own environment."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=1)
    options.add_argument("--environments", type=Path, default=ROOT, help="the folder that holds .venv and its like")
    options.add_argument("--on", choices=ORCHESTRATORS, help="measure here, in the environment of this process")
    chosen = options.parse_args()
    if chosen.on:
        measure(chosen.on, chosen.runs)
        return
    print(f"| orchestrator | shape | {STEPS} tasks (s) | one task (s) | ratio |\n|---|---|---|---|---|", flush=True)
    path = os.pathsep.join(filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")]))
    for orchestrator in ORCHESTRATORS:
        folder = ".venv" if orchestrator == "local" else f".venv-{orchestrator}"
        command = [str(chosen.environments / folder / "bin/python"), "-m", NAME, "--on", orchestrator]
        subprocess.run([*command, "--runs", str(chosen.runs)], env={**os.environ, "PYTHONPATH": path}, check=True)


if __name__ == "__main__":
    sys.exit(main())
