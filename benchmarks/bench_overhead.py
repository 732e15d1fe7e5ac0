"""What an adapter adds to a step: CPU of a chain described once and translated, less that of one written by hand.

Both chains have 8 trivial steps that hand on small JSON values, and run by the orchestrator's own engine in this
process: `Adapter.run` against `by_hand_*.py`, interleaved on one home, a day each, the first run of each discarded.
CPU is user and system time of this process, of all its children, and of Prefect's server, less what that server
uses when it idles. Medians; the floor is for what is counted.

Counted: all that the translated chain uses more than the other one, in whatever process: translating, policies,
conditions, looking at how the run went, and core's part (requests, inputs, outputs, records). On Airflow also one
more translation per step, for on its services every task loads the DAG in a process of its own.

Not counted, but listed: what a step's process must import before it can work, of the orchestrator, of core and for
the step itself; and on Prefect, where every step has a process of its own so that its time-out bites, the start of
that process (Python) with these imports. On the others a step has one if it declares a time-out, at the same price.
Also not: preparing the home (Airflow's database), which both sides do once per run.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from counterpoint.model import Pipeline, RunRequest, step

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from counterpoint.model import Partition

MOST_ADDED = 50.0
STEPS = 8
# where a measured process writes its lines, for orchestrators log on whatever they take for stdout
TOLD = "told.txt"
ROOT = Path(__file__).resolve().parents[1]
NAME = Path(__file__).stem
NAMES = [f"step_{number}" for number in range(1, STEPS + 1)]
# orchestrator: what a process of it imports in any case, and what of ours a step needs there
ALONE = {"airflow": "import airflow.sdk", "dagster": "import dagster", "prefect": "import prefect, prefect.flows"}
WITH = {
    "airflow": "import counterpoint_airflow.translate",
    "dagster": "import counterpoint_dagster.translate, counterpoint_dagster.conditions",
    "prefect": "import counterpoint_prefect.translate",
}
CORE = "import counterpoint.runtime.subprocess_executor, counterpoint.runtime.execute"
NEEDS = f"import counterpoint.storage, obstore, obstore.store, {NAME}"
# after a run Prefect's server is still writing down what it was told
SETTLE = {"prefect": 2.0}


def begin(partition: Partition) -> dict[str, Any]:
    """The first step."""
    return {"date": partition.key, "numbers": [1, 2, 3]}


def grow(given: dict[str, Any]) -> dict[str, Any]:
    """Each other step."""
    return {**given, "numbers": [number + 1 for number in given["numbers"]]}


chain = Pipeline(
    "chain",
    steps=(
        step(f"{NAME}:begin", name=NAMES[0]),
        *(step(f"{NAME}:grow", name=n, inputs={"given": b}) for b, n in pairwise(NAMES)),
    ),
)


@dataclass(frozen=True)
class Cpu:
    """Seconds of this process, of its children that have ended, and of those that live (a server)."""

    own: float
    ended: float
    living: float

    def __sub__(self, before: Cpu) -> Cpu:
        return Cpu(self.own - before.own, self.ended - before.ended, self.living - before.living)


def cpu() -> Cpu:
    """What has been used so far."""
    own, ended = (sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return Cpu(own, ended, living(os.getpid()))


def living(process: int) -> float:
    """CPU seconds of all living descendants of a process, with those of their own ended children."""
    parents, ticks = {}, {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = place.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        number = int(place.parent.name)
        parents[number], ticks[number] = int(fields[1]), sum(map(int, fields[11:15]))
    found, below = 0, {process}
    while below := {number for number, parent in parents.items() if parent in below}:
        found += sum(ticks[number] for number in below)
    return found / os.sysconf("SC_CLK_TCK")


def prepared(name: str, home: Path) -> AbstractContextManager[None]:
    """What `Adapter.run` does to a home before anything runs, and what the other chain needs as well."""
    if name != "airflow":
        return nullcontext()
    configured: Callable[[Path, str], AbstractContextManager[None]]
    configured = import_module("counterpoint_airflow.deploy").configured
    return configured(home, f"{NAME}:chain")


def sides(name: str, home: Path, root: Path) -> dict[str, Callable[[str], None]]:
    """The two chains: each runs a day, and must end well."""
    from counterpoint.adapter import find_adapter

    adapter, written = find_adapter(name), import_module(f"by_hand_{name}")

    def by_hand(date: str) -> None:
        with prepared(name, home):
            if not written.run(NAMES, date):
                raise SystemExit(f"the chain written by hand failed on {name}")

    def ours(date: str) -> None:
        native = adapter.run(RunRequest(f"{NAME}:chain", date, f"run-{date}", str(root), name), home)
        if native.failed or len(native.steps) != STEPS:
            raise SystemExit(f"the translated chain failed on {name}: {native}")

    return {"by hand": by_hand, "ours": ours}


def used(run: Callable[[str], None], date: str, post_start: float, idle: float) -> Cpu:
    """Milliseconds of CPU per step of one run; `idle` is what the servers use in a second anyway."""
    start, before = time.monotonic(), cpu()
    run(date)
    time.sleep(post_start)
    found, took = cpu() - before, time.monotonic() - start
    return Cpu(*(1000 * value / STEPS for value in (found.own, found.ended, found.living - idle * took)))


def idling(seconds: float) -> float:
    """CPU seconds that servers use per second while nothing runs."""
    time.sleep(seconds)
    before = living(os.getpid())
    time.sleep(2 * seconds)
    return (living(os.getpid()) - before) / (2 * seconds) if seconds else 0.0


def middle(found: list[Cpu]) -> Cpu:
    """The median of each part."""
    return Cpu(*(median(getattr(one, part) for one in found) for part in ("own", "ended", "living")))


def process(code: str) -> float:
    """Milliseconds of CPU of a fresh Python process."""
    before = cpu().ended
    subprocess.run([sys.executable, "-c", code], check=True, stderr=subprocess.DEVNULL)
    return 1000 * (cpu().ended - before)


def repeated(action: Callable[[], object], repeats: int) -> float:
    """Milliseconds of this process's CPU, the median after one to warm up."""
    found = []
    for _ in range(repeats + 1):
        before = time.process_time()
        action()
        found.append(1000 * (time.process_time() - before))
    return median(found[1:])


def core(root: Path) -> None:
    """The chain without any orchestrator: what core does in each step."""
    from counterpoint.runtime import execute

    request, made = RunRequest(f"{NAME}:chain", "2026-01-01", "core", str(root), "local", force=True), {}
    for name in NAMES:
        made[name] = execute(request, name, made)


def measure(name: str, repeats: int, folder: Path) -> bool:
    """Writes down what one orchestrator's adapter adds, and its parts; whether that is within the floor."""
    post_start, idle = SETTLE.get(name, 0.0), 0.0
    runs = sides(name, folder / "home", folder / "root")
    alone, with_ours = ALONE[name], f"{ALONE[name]}\n{WITH[name]}\n{NEEDS}"
    codes = {"python": "pass", "core": CORE, "needs": f"{CORE}\n{NEEDS}", "alone": alone, "ours": with_ours}
    found: dict[str, list[Cpu]] = {side: [] for side in runs}
    fresh: dict[str, list[float]] = {part: [] for part in codes}
    for day in range(1, repeats + 2):
        for side, run in runs.items():
            found[side].append(used(run, f"2026-01-{day:02}", post_start, idle))
        for part, code in codes.items():
            fresh[part].append(process(code))
        idle = idle or idling(post_start)
    translated = repeated(lambda: import_module(f"counterpoint_{name}.translate").translate(chain), repeats)
    made = repeated(lambda: import_module(f"by_hand_{name}").make(NAMES), repeats)
    executed = repeated(lambda: core(folder / "core"), repeats) / STEPS
    hand, ours = (middle(found[side][1:]) for side in ("by hand", "ours"))
    counted, lines = tell(name, hand, ours, Parts(translated, made, executed, fresh))
    (folder / TOLD).write_text("\n".join(lines), encoding="utf-8")
    return counted <= MOST_ADDED


@dataclass(frozen=True)
class Parts:
    """Milliseconds: translating the chain, making the other one, core's part of a step; and of fresh processes."""

    translated: float
    made: float
    core: float
    fresh: dict[str, list[float]]

    def beyond(self, less: str, more: str) -> float:
        """What one kind of process uses beyond another."""
        return median(m - o for o, m in list(zip(self.fresh[less], self.fresh[more], strict=True))[1:])


def tell(name: str, hand: Cpu, ours: Cpu, parts: Parts) -> tuple[float, list[str]]:
    """What is counted of one orchestrator's numbers, and the lines that say how."""
    by_hand, in_all = (sum(vars(side).values()) for side in (hand, ours))
    more, python, needs = ours - hand, median(parts.fresh["python"][1:]), median(parts.fresh["needs"][1:])
    imports = min(needs, more.ended) if more.ended > python else 0.0
    again = max(parts.translated - parts.made, 0.0) if name == "airflow" else 0.0
    counted = in_all - by_hand - imports + again
    core_, step_ = parts.beyond("python", "core"), parts.beyond("core", "needs")
    alone, with_ours = median(parts.fresh["alone"][1:]), parts.beyond("alone", "ours")
    return counted, [
        f"{name}: {by_hand:.0f} ms a step by hand, {in_all:.0f} ours: ratio {in_all / by_hand:.2f}",
        (
            f"{name}: {in_all - by_hand:+.1f} in all: {more.own:+.1f} in this process, {more.ended:+.1f} in its ended"
            f" children, {more.living:+.1f} in a server"
        ),
        f"{name}: of it {parts.core:.1f} is core's; {imports:.1f}, not counted, is the start of the step's process",
        (
            f"{name}: the chain is translated in {parts.translated:.1f}, made by hand in {parts.made:.1f}; {again:.1f}"
            " is counted besides, for each step's process to do so again"
        ),
        f"{name}: a process of a step: {python:.0f} Python, {core_:.0f} importing core, {step_:.0f} for the step",
        f"{name}: a process of {name}: {alone:.0f} importing it, {with_ours:.0f} importing ours and for the step",
        f"{name}: the adapter adds {counted:.1f} ms of CPU to a step (at most {MOST_ADDED:.0f})",
    ]


def environment(home: Path) -> dict[str, str]:
    """The variables of a measured process: everything lies in a home of its own, and nothing is told to anybody."""
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("AIRFLOW", "DAGSTER", "PREFECT"))}
    homes = dict.fromkeys(("HOME", "AIRFLOW_HOME", "DAGSTER_HOME", "PREFECT_HOME"), str(home))
    quiet = {"DAGSTER_DISABLE_TELEMETRY": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
    return {**kept, **homes, **quiet, "PYTHONPATH": str(Path(__file__).parent)}


def child(name: str, repeats: int) -> bool:
    """Whether the adapter of one orchestrator keeps to the floor, in a process of its environment."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary)
        (folder / "home").mkdir()
        command = [str(ROOT / f".venv-{name}/bin/python"), __file__, "--on", name, "--data", temporary]
        with (folder / "log").open("w", encoding="utf-8") as log:
            done = subprocess.run(
                [*command, "--repeats", str(repeats)],
                env=environment(folder / "home"),
                stdout=log,
                stderr=log,
                check=False,
            )
        told = folder / TOLD
        lines = told if told.exists() else folder / "log"
        print(lines.read_text(encoding="utf-8", errors="replace")[-4000:], flush=True)
        return done.returncode == 0


def main() -> int:
    """Measures every environment that is there, or one; the exit code is 1 when a floor is missed, or none is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--on", action="append", choices=ALONE, help="this orchestrator only")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.data:
        return int(not measure(given.on[0], given.repeats, given.data))
    there = [name for name in given.on or ALONE if (ROOT / f".venv-{name}/bin/python").exists()]
    for name in sorted(set(given.on or ALONE) - set(there)):
        print(f"{name}: not there (make setup)")
    kept = [child(name, given.repeats) for name in there]
    return int(not kept or not all(kept))


if __name__ == "__main__":
    sys.exit(main())
