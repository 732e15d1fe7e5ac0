"""One bout: the services of one orchestrator from nothing, each workload on them, and what all that used.

Run in the orchestrator's own environment, as `python -m counterpoint_compare.benchmark_run ORCHESTRATOR`; the answer,
one JSON document, goes to stdout.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psutil

from counterpoint.adapter import find_adapter
from counterpoint.errors import StepError
from counterpoint.http import hush
from counterpoint.lineage.registry import client_of, place_of
from counterpoint.model import RunRequest, Status
from counterpoint.orchestrators import LOCAL
from counterpoint.runtime import execute, find_pipeline
from counterpoint.services import ServiceEngine, engine_for, home_of
from counterpoint.services.launch import launch, new_run_id
from counterpoint.services.processes import PeakMeter, marked, own_cpu, usage
from counterpoint.storage import Store
from counterpoint_compare.workloads import FIRST_DAY, WORKLOADS, Workload

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from counterpoint.model import ArtifactRef, RunRecord
    from counterpoint.services.engines import Engine

log = logging.getLogger(__name__)
# what a service has just started to do is over, and several of its loops have passed
SETTLE_SECONDS, IDLE_SECONDS = 3.0, 6.0
_SAMPLED_EVERY = 0.3


@dataclass(frozen=True)
class Run:
    """One run of a workload.

    `seconds` are from its submission to its end; CPU seconds and the highest memory (bytes) are of all processes of
    the services, and `database_bytes` what the orchestrator's database grew by.
    """

    workload: str
    number: int
    status: str
    seconds: float
    cpu_seconds: float
    peak_memory: int
    database_bytes: int
    steps: list[dict[str, Any]]


def main(arguments: list[str] | None = None) -> int:
    """Takes part, and prints what it was."""
    parser = argparse.ArgumentParser(prog="python -m counterpoint_compare.benchmark_run", description=__doc__)
    parser.add_argument("orchestrator")
    parser.add_argument("--workloads", default=",".join(one.name for one in WORKLOADS))
    parser.add_argument("--idle", type=float, default=IDLE_SECONDS, metavar="SECONDS")
    parser.add_argument("--prepare", metavar="DIR", help="only make there what the windows of the workloads need")
    parser.add_argument("--prepared", metavar="DIR", help="what an earlier call made there by --prepare")
    args = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    hush()
    interrupt_once()
    chosen = tuple(one for one in WORKLOADS if one.name in args.workloads.split(","))
    if args.prepare:
        prepare(chosen, args.prepare)
        return 0
    root = tempfile.mkdtemp(prefix="counterpoint-bout-")
    try:
        if args.prepared:
            shutil.copytree(args.prepared, root, dirs_exist_ok=True)
        else:
            prepare(chosen, root)
        told = bout(args.orchestrator, root, chosen, args.idle)
    except StepError as error:
        log.error("%s; its root and the services' logs are kept in %s", error, root)  # noqa: TRY400 - it says all
        return 1
    except BaseException:
        shutil.rmtree(root, ignore_errors=True)
        raise
    shutil.rmtree(root, ignore_errors=True)
    sys.stdout.write(json.dumps(told))
    return 0


def interrupt_once() -> None:
    """Makes the first INT or TERM a KeyboardInterrupt, and ignores what comes after it, while services are stopped."""

    def interrupt(*_: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)


def bout(orchestrator: str, root: str, workloads: tuple[Workload, ...], idle_seconds: float) -> dict[str, Any]:
    """Starts the services below a root, lets them idle, runs the workloads, and stops the services."""
    others, load = psutil.cpu_percent(interval=1.0), os.getloadavg()
    begun, started = datetime.now(UTC), time.monotonic()
    home, served = home_of(root, orchestrator), tuple(one.reference for one in workloads)
    serves = orchestrator != LOCAL and find_adapter(orchestrator).has_services
    with engine_for(orchestrator, root, served, service=serves) as engine:
        ready = time.monotonic() - started
        told = {
            "orchestrator": orchestrator,
            "version": engine.version,
            "begun": begun.isoformat(timespec="seconds"),
            "load": list(load),
            "others_percent": others,
            "start": {"seconds": round(ready, 3), "cpu_seconds": _cpu(home), "database_bytes": database_bytes(home)},
            "idle": idle(home, idle_seconds) if serves else None,
            "runs": [asdict(run) for one in workloads for run in runs_of(one, engine, root, orchestrator)],
        }
        stopping = time.monotonic()
    return {**told, "stop_seconds": round(time.monotonic() - stopping, 3)}


def prepare(workloads: Iterable[Workload], root: str) -> None:
    """Makes what the windows of workloads need of earlier days, and MLflow's database, below an empty root."""
    for workload in (one for one in workloads if one.before):
        log.info("%s: preparing the earlier days in the window of %s", workload.name, workload.day)
        client_of(place_of(Store(root, find_pipeline(workload.reference))))
        for key in find_pipeline(workload.reference).partitions.range(FIRST_DAY, workload.day)[:-1]:
            run_id = new_run_id(workload.name, key, LOCAL)
            request = RunRequest(workload.reference, key, run_id, root, config=workload.config)
            made: dict[str, ArtifactRef] = {}
            for step in workload.before:
                made[step] = execute(request, step, made)


def idle(home: Path, seconds: float) -> dict[str, Any]:
    """What services use that have nothing to do: CPU seconds a minute, memory in bytes, processes."""
    time.sleep(SETTLE_SECONDS)
    before, begun = _cpu(home), time.monotonic()
    time.sleep(seconds)
    used = usage(marked(str(home)))
    rate = (used.cpu_seconds - before) / (time.monotonic() - begun) * 60
    return {"cpu_seconds_a_minute": round(rate, 3), "memory": used.memory, "processes": used.processes}


def runs_of(workload: Workload, engine: Engine, root: str, orchestrator: str) -> Iterator[Run]:
    """The runs of a workload, each of a day of its own, so that nothing of an earlier one is used again."""
    keys = find_pipeline(workload.reference).partitions.range(workload.day, "2026-01-28")
    for number, key in enumerate(keys[: workload.times], 1):
        log.info("%s: %s, run %d of %d", orchestrator, workload.title, number, workload.times)
        yield _measured(workload, number, key, engine, root, orchestrator)


def _measured(workload: Workload, number: int, key: str, engine: Engine, root: str, orchestrator: str) -> Run:
    home = home_of(root, orchestrator)
    run_id = new_run_id(workload.name, key, orchestrator)
    request = RunRequest(workload.reference, key, run_id, root, orchestrator, config=workload.config, force=True)
    size = database_bytes(home)
    with _metered(home if isinstance(engine, ServiceEngine) else None) as used:
        begun = time.time()
        record = launch(request, engine)
    _refuse_failed(record)
    ended = datetime.fromisoformat(record.ended).timestamp() if record.ended else time.time()
    return Run(
        workload.name,
        number,
        record.status.value,
        round(ended - begun, 3),
        round(used["cpu"], 3),
        int(used["memory"]),
        database_bytes(home) - size,
        [{"step": one.name, "started": one.started, "ended": one.ended} for one in record.steps],
    )


def _refuse_failed(record: RunRecord) -> None:
    """A workload cannot fail by itself: when it does, there is nothing to measure, and something to find out."""
    for step in record.steps:
        if step.error:
            raise StepError(f"step {step.name} of run {record.run_id} failed: {step.error.type}: {step.error.message}")
    if record.status is not Status.SUCCESS:
        raise StepError(f"run {record.run_id} failed, and no step of it did")


@contextmanager
def _metered(home: Path | None) -> Iterator[dict[str, float]]:
    """What the processes of the services use meanwhile; without services, this process and its children."""
    found: dict[str, float] = {}
    if home is None:
        before = _own_cpu()
        yield found
        found |= {"cpu": _own_cpu() - before, "memory": 0}
        return
    before, own = _cpu(home), own_cpu(marked(str(home)))
    with PeakMeter(str(home), every=_SAMPLED_EVERY) as meter:
        yield found
    # children that nobody living has waited for are missing in the first, those that lived shortly in the second
    found |= {"cpu": max(_cpu(home) - before, meter.cpu_since(own)), "memory": meter.peak}


def _cpu(home: Path) -> float:
    return round(usage(marked(str(home)), memory=False).cpu_seconds, 3)


def _own_cpu() -> float:
    """CPU seconds of this process and of what it has started, living or not."""
    own = psutil.Process()
    return usage([own, *own.children(recursive=True)], memory=False).cpu_seconds


def database_bytes(home: Path) -> int:
    """The bytes in use of all SQLite databases below a home."""
    total = 0
    for path in (*home.rglob("*.db"), *home.rglob("*.sqlite")):
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=60)) as connection:
            pages, free, size = (
                connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count", "page_size")
            )
        total += (pages - free) * size
    return total


if __name__ == "__main__":
    raise SystemExit(main())
