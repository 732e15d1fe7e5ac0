"""A backfill of steps of known duration: its makespan against the bound, and against simpler ways.

Each step sleeps, so what is measured beside the sleep is Counterpoint's own cost and the start of a process. The bound
is that of `counterpoint.backfill.timing.bounds` for the sleeps alone: no order can beat it. "sequential" is one
partition after the other; "whole runs" are whole partitions side by side when their windows do not overlap, which is
what can be done without a plan by step. Both are simulated with the same durations. On an orchestrator (`--on`) its
real services run, started before; the bound has a limit on the local runner only.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from counterpoint.backfill import Asked, prepare, run_backfill
from counterpoint.backfill.plan import Plan, make_plan
from counterpoint.backfill.queue import Grain, Queue, ranks
from counterpoint.backfill.timing import bounds, makespan
from counterpoint.model import Output, OutputKind, Partitions, Pipeline, Pool, step, windowed
from counterpoint.services import engine_for

SECONDS = {"raw": 2.0, "checked": 1.0, "features": 3.0, "model": 6.0, "score": 1.0}
SLOTS = 3
MOST = 1.15
WINDOW = 7


def raw(partition):  # noqa: ANN001, ANN201 - a step
    """Two seconds."""
    time.sleep(SECONDS["raw"])
    return partition.day.day


def checked(raw):  # noqa: ANN001, ANN201 - a step
    """One second."""
    time.sleep(SECONDS["checked"])
    return raw


def features(days):  # noqa: ANN001, ANN201 - a step
    """Three seconds, over a week."""
    time.sleep(SECONDS["features"])
    return sum(days.values())


def model(features):  # noqa: ANN001, ANN201 - a step
    """Six seconds."""
    time.sleep(SECONDS["model"])
    return features


def score(model):  # noqa: ANN001, ANN201 - a step
    """One second."""
    time.sleep(SECONDS["score"])
    return model


VALUE = Output(OutputKind.VALUE)
pipeline = Pipeline(
    "sleeping",
    (
        step("bench_backfill:raw", output=VALUE),
        step("bench_backfill:checked", output=VALUE),
        step("bench_backfill:features", inputs={"days": windowed("checked", f"t-{WINDOW - 1}..t")}, output=VALUE),
        step("bench_backfill:model", output=VALUE, pool="gpu"),
        step("bench_backfill:score", output=VALUE),
    ),
    Partitions(start="2020-01-01"),
    pools=(Pool("gpu", 2),),
)


def whole_runs(plan: Plan) -> float:
    """Whole partitions, those of one wave further apart than the window; each runs its steps one after the other."""
    each = sum(SECONDS.values())
    earlier = sum(SECONDS[cell.step] for cell in plan.earlier) / SLOTS
    waves = [len(plan.keys[offset::WINDOW]) for offset in range(min(WINDOW, len(plan.keys)))]
    return earlier + sum(-(-count // SLOTS) * each for count in waves)


def measure(days: int, on: str) -> dict[str, float]:
    """One backfill from nothing."""
    first, served = "2026-01-07", "bench_backfill:pipeline"
    asked = Asked(served, first, pipeline.partitions.shift(first, days - 1), "v", on, on != "local", parallel=SLOTS)
    with tempfile.TemporaryDirectory() as root, engine_for(on, root, (served,), service=True) as engine:
        prepared = prepare(asked, root)
        begun = time.monotonic()
        report = run_backfill(prepared, engine)
        taken = time.monotonic() - begun
    if report["status"] != "success":
        raise SystemExit(f"the backfill failed: {report['partitions']}")
    plan = make_plan(pipeline, prepared.plan.keys, lambda _: False)
    seconds = {cell: SECONDS[cell.step] for cell in plan.cells}
    in_turn, _ = makespan(Queue(plan, Grain.STEP, ranks(plan, seconds, plan.keys), SLOTS, in_turn=True), seconds)
    lower = bounds(plan, seconds, SLOTS).lower
    return {"taken": taken, "lower": lower, "sequential": in_turn, "whole runs": whole_runs(plan)}


def main() -> int:
    """Prints the ratios; 1 when the bound is missed by more than `MOST`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, nargs="+", default=[7, 30])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--on", default="local", choices=("local", "airflow", "dagster", "prefect"))
    given = parser.parse_args()
    from counterpoint.cli.environments import python_of

    python = python_of(given.on)
    if python != Path(sys.executable):
        return subprocess.run([python, __file__, *sys.argv[1:]], check=False).returncode
    missed = False
    for days in given.days:
        runs = [measure(days, given.on) for _ in range(given.repeats)]
        found = {name: median(run[name] for run in runs) for name in runs[0]}
        ratio = found["taken"] / found["lower"]
        missed = missed or (given.on == "local" and ratio > MOST)
        print(
            f"{days} days on {given.on}: {found['taken']:.1f} s, {found['taken'] / (days * len(SECONDS)):.2f} s a step"
        )
        limit = f"at most {MOST}" if given.on == "local" else "no floor"
        print(f"{days} days: taken / lower bound: {ratio:.3f} ({limit})")
        print(f"{days} days: sequential / taken:  {found['sequential'] / found['taken']:.2f} (no floor)")
        print(f"{days} days: whole runs / taken:  {found['whole runs'] / found['taken']:.2f} (no floor)")
    return int(missed)


if __name__ == "__main__":
    # the steps' processes import this file by its name
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)
    sys.path.insert(0, os.environ["PYTHONPATH"])
    sys.exit(main())
