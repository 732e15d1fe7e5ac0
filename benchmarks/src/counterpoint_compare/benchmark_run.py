"""One benchmark run: starts fresh services of one orchestrator, executes each workload on them, and measures both.

It runs in the orchestrator's own environment, as `python -m counterpoint_compare.benchmark_run ORCHESTRATOR`, and
prints one JSON document to stdout.
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
# long enough for start-up work to end, and for several loops of each service
SETTLE_SECONDS, IDLE_SECONDS = 3.0, 6.0
_SAMPLED_EVERY = 0.3


@dataclass(frozen=True)
class Run:
    """One run of a workload.

    `seconds` are from submission to end. CPU seconds and peak memory (bytes) are of all processes of the services;
    `database_bytes` is the growth of the orchestrator's database.
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
    """Executes the benchmark run and prints its results."""
    parser = argparse.ArgumentParser(prog="python -m counterpoint_compare.benchmark_run", description=__doc__)
    parser.add_argument("orchestrator")
    parser.add_argument("--workloads", default=",".join(workload.name for workload in WORKLOADS))
    parser.add_argument("--idle", type=float, default=IDLE_SECONDS, metavar="SECONDS")
    parser.add_argument("--prepare", metavar="DIR", help="only prepare the inputs of the workloads in this folder")
    parser.add_argument("--prepared", metavar="DIR", help="the folder that an earlier call prepared with --prepare")
    args = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    hush()
    interrupt_once()
    chosen = tuple(workload for workload in WORKLOADS if workload.name in args.workloads.split(","))
    if args.prepare:
        prepare(chosen, args.prepare)
        return 0
    root = tempfile.mkdtemp(prefix="counterpoint-bout-")
    try:
        if args.prepared:
            shutil.copytree(args.prepared, root, dirs_exist_ok=True)
        else:
            prepare(chosen, root)
        document = run_benchmark(args.orchestrator, root, chosen, args.idle)
    except StepError as error:
        log.error("%s; its root and the services' logs are kept in %s", error, root)  # noqa: TRY400 - it says all
        return 1
    except BaseException:
        shutil.rmtree(root, ignore_errors=True)
        raise
    shutil.rmtree(root, ignore_errors=True)
    sys.stdout.write(json.dumps(document))
    return 0


def interrupt_once() -> None:
    """Turns the first INT or TERM into a KeyboardInterrupt, and ignores later ones while services stop."""

    def interrupt(*_: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)


def run_benchmark(orchestrator: str, root: str, workloads: tuple[Workload, ...], idle_seconds: float) -> dict[str, Any]:
    """Starts the services below a root, lets them idle, runs the workloads, and stops the services."""
    other_load, load = psutil.cpu_percent(interval=1.0), os.getloadavg()
    started_at, started = datetime.now(UTC), time.monotonic()
    home, references = home_of(root, orchestrator), tuple(workload.reference for workload in workloads)
    has_services = orchestrator != LOCAL and find_adapter(orchestrator).has_services
    with engine_for(orchestrator, root, references, service=has_services) as engine:
        ready = time.monotonic() - started
        document = {
            "orchestrator": orchestrator,
            "version": engine.version,
            "begun": started_at.isoformat(timespec="seconds"),
            "load": list(load),
            "others_percent": other_load,
            "start": {"seconds": round(ready, 3), "cpu_seconds": _cpu(home), "database_bytes": database_bytes(home)},
            "idle": idle(home, idle_seconds) if has_services else None,
            "runs": [asdict(run) for workload in workloads for run in runs_of(workload, engine, root, orchestrator)],
        }
        stopping = time.monotonic()
    return {**document, "stop_seconds": round(time.monotonic() - stopping, 3)}


def prepare(workloads: Iterable[Workload], root: str) -> None:
    """Computes the outputs of earlier days that the workloads need, and creates MLflow's database, in an empty root."""
    for workload in (candidate for candidate in workloads if candidate.before):
        log.info("%s: preparing the earlier days in the window of %s", workload.name, workload.day)
        client_of(place_of(Store(root, find_pipeline(workload.reference))))
        for key in find_pipeline(workload.reference).partitions.range(FIRST_DAY, workload.day)[:-1]:
            run_id = new_run_id(workload.name, key, LOCAL)
            request = RunRequest(workload.reference, key, run_id, root, config=workload.config)
            outputs: dict[str, ArtifactRef] = {}
            for step in workload.before:
                outputs[step] = execute(request, step, outputs)


def idle(home: Path, seconds: float) -> dict[str, Any]:
    """The resource use of idle services: CPU seconds per minute, memory in bytes, processes."""
    time.sleep(SETTLE_SECONDS)
    cpu_before, started = _cpu(home), time.monotonic()
    time.sleep(seconds)
    used = usage(marked(str(home)))
    rate = (used.cpu_seconds - cpu_before) / (time.monotonic() - started) * 60
    return {"cpu_seconds_a_minute": round(rate, 3), "memory": used.memory, "processes": used.processes}


def runs_of(workload: Workload, engine: Engine, root: str, orchestrator: str) -> Iterator[Run]:
    """Executes the runs of a workload, each for another day, so that no run reuses outputs of an earlier one."""
    keys = find_pipeline(workload.reference).partitions.range(workload.day, "2026-01-28")
    for number, key in enumerate(keys[: workload.times], 1):
        log.info("%s: %s, run %d of %d", orchestrator, workload.title, number, workload.times)
        yield _measured(workload, number, key, engine, root, orchestrator)


def _measured(workload: Workload, number: int, key: str, engine: Engine, root: str, orchestrator: str) -> Run:
    home = home_of(root, orchestrator)
    run_id = new_run_id(workload.name, key, orchestrator)
    request = RunRequest(workload.reference, key, run_id, root, orchestrator, config=workload.config, force=True)
    size = database_bytes(home)
    with _metered(home if isinstance(engine, ServiceEngine) else None) as usage_of_run:
        submitted = time.time()
        record = launch(request, engine)
    _refuse_failed(record)
    ended = datetime.fromisoformat(record.ended).timestamp() if record.ended else time.time()
    return Run(
        workload.name,
        number,
        record.status.value,
        round(ended - submitted, 3),
        round(usage_of_run["cpu"], 3),
        int(usage_of_run["memory"]),
        database_bytes(home) - size,
        [{"step": step.name, "started": step.started, "ended": step.ended} for step in record.steps],
    )


def _refuse_failed(record: RunRecord) -> None:
    """Raises an error if a run failed: workloads do not fail by themselves, so the measurement would be invalid."""
    for step in record.steps:
        if step.error:
            raise StepError(f"step {step.name} of run {record.run_id} failed: {step.error.type}: {step.error.message}")
    if record.status is not Status.SUCCESS:
        raise StepError(f"run {record.run_id} failed, and no step of it did")


@contextmanager
def _metered(home: Path | None) -> Iterator[dict[str, float]]:
    """Measures the processes of the services in the block; without services, this process and its children."""
    metered: dict[str, float] = {}
    if home is None:
        cpu_before = _own_cpu()
        yield metered
        metered |= {"cpu": _own_cpu() - cpu_before, "memory": 0}
        return
    cpu_before, cpu_at_start = _cpu(home), own_cpu(marked(str(home)))
    with PeakMeter(str(home), every=_SAMPLED_EVERY) as meter:
        yield metered
    # the first value misses children that no living process has waited for, the second misses short-lived children
    metered |= {"cpu": max(_cpu(home) - cpu_before, meter.cpu_since(cpu_at_start)), "memory": meter.peak}


def _cpu(home: Path) -> float:
    return round(usage(marked(str(home)), memory=False).cpu_seconds, 3)


def _own_cpu() -> float:
    """CPU seconds of this process and of all its children, running or ended."""
    process = psutil.Process()
    return usage([process, *process.children(recursive=True)], memory=False).cpu_seconds


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
