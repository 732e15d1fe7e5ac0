"""A backfill of steps of known duration: its makespan against the bound, and against simpler ways.

Each step sleeps, so what is measured beside the sleep is Counterpoint's own cost and the start of a process. The bound
is that of `counterpoint.backfill.timing.bounds` for the sleeps alone: no order can beat it. "sequential" is one
partition after the other; "whole runs" are whole partitions side by side when their windows do not overlap, which is
what can be done without a plan by step. Both are simulated with the same durations. On an orchestrator (`--on`) its
real services run, started before; the bound has a limit on the local runner only. With `--cost` nobody sleeps: what
a step costs in the longest range is held against what it costs in the shortest.
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

from sleeping_steps import SECONDS, WINDOW, pipeline

from counterpoint.backfill import BackfillRequest, prepare, run_backfill
from counterpoint.backfill.plan import Plan, make_plan
from counterpoint.backfill.queue import Granularity, Queue, ranks
from counterpoint.backfill.timing import bounds, makespan
from counterpoint.services import engine_for

SLOTS = 3
MOST = 1.15
FLAT = 1.25
FIRST = "2026-01-07"


def whole_runs(plan: Plan) -> float:
    """Whole partitions, those of one wave further apart than the window; each runs its steps one after the other."""
    each = sum(SECONDS.values())
    earlier = sum(SECONDS[cell.step] for cell in plan.earlier) / SLOTS
    waves = [len(plan.keys[offset::WINDOW]) for offset in range(min(WINDOW, len(plan.keys)))]
    return earlier + sum(-(-count // SLOTS) * each for count in waves)


def last(days: int) -> str:
    """The last of so many days."""
    return pipeline.partitions.shift(FIRST, days - 1)


def measure(days: int, on: str) -> dict[str, float]:
    """One backfill from nothing."""
    served = "sleeping_steps:pipeline"
    asked = BackfillRequest(served, FIRST, last(days), "v", on, on != "local", parallel=SLOTS)
    with tempfile.TemporaryDirectory() as root, engine_for(on, root, (served,), service=True) as engine:
        prepared = prepare(asked, root)
        begun = time.monotonic()
        report = run_backfill(prepared, engine)
        taken = time.monotonic() - begun
    if report["status"] != "success":
        raise SystemExit(f"the backfill failed: {report['partitions']}")
    plan = make_plan(pipeline, prepared.plan.keys, lambda _: False)
    seconds = {cell: SECONDS[cell.step] for cell in plan.cells}
    in_turn, _ = makespan(Queue(plan, Granularity.STEP, ranks(plan, seconds, plan.keys), SLOTS, in_turn=True), seconds)
    lower = bounds(plan, seconds, SLOTS).lower
    return {"taken": taken, "lower": lower, "sequential": in_turn, "whole runs": whole_runs(plan)}


def cost(lengths: list[int], repeats: int, on: str) -> int:
    """Prints the seconds a step by the number of days; 1 when the longest range's are over `FLAT` the shortest's."""
    os.environ["SLEEPING_PACE"] = "0"  # for the steps' processes
    each = {}
    for days in lengths:
        steps = len(make_plan(pipeline, pipeline.partitions.range(FIRST, last(days)), lambda _: False).cells)
        each[days] = median(measure(days, on)["taken"] for _ in range(repeats)) / steps
        print(f"{days} days on {on}: {1000 * each[days]:.1f} ms a step, of {steps}", flush=True)
    ratio = each[max(lengths)] / each[min(lengths)]
    print(f"a step of {max(lengths)} days / of {min(lengths)}: {ratio:.2f} (at most {FLAT})")
    return int(ratio > FLAT)


def main() -> int:
    """Prints the ratios; 1 when the bound is missed by more than `MOST`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, nargs="+", default=[7, 30])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--on", default="local", choices=("local", "airflow", "dagster", "prefect"))
    parser.add_argument(
        "--cost", action="store_true", help="the cost of a step beside its sleep, by the range's length"
    )
    given = parser.parse_args()
    from counterpoint.cli.environments import python_of

    python = python_of(given.on)
    if python != Path(sys.executable):
        return subprocess.run([python, __file__, *sys.argv[1:]], check=False).returncode
    if given.cost:
        return cost(given.days, given.repeats, given.on)
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
    # the steps' processes import their pipeline by its name
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)
    sys.path.insert(0, os.environ["PYTHONPATH"])
    sys.exit(main())
