"""The data of the report as one JSON document: digests side by side, time and memory, machine."""

from __future__ import annotations

import os
import platform
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

import counterpoint
from counterpoint.runtime import find_pipeline
from counterpoint_compare.code_excerpts import concepts
from counterpoint_compare.external_results import NOTHING
from counterpoint_compare.figures import figures_of, is_busy
from counterpoint_compare.operations import operations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from counterpoint_compare.runs import Comparison, Contestant

Code = dict[str, dict[str, int]]


def results_of(
    comparison: Comparison,
    contestants: Sequence[Contestant],
    code: Code,
    benchmarks: Sequence[Mapping[str, Any]] = (),
    tours: Sequence[Mapping[str, Any]] = (),
    packages: Mapping[str, Mapping[str, str]] | None = None,
) -> dict[str, Any]:
    """The document of `results.json`; `equal` is true if the digests of every output are equal on all sides."""
    outputs = _outputs(contestants)
    failed = [c.orchestrator for c in contestants if c.measured.code or c.record is None]
    return {
        "pipeline": comparison.pipeline,
        "date": comparison.date,
        "source": comparison.source or find_pipeline(comparison.pipeline).config.get("source", "the pipeline's own"),
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "counterpoint": counterpoint.__version__,
        "equal": bool(outputs) and not failed and all(row["equal"] for row in outputs),
        "failed": failed,
        "machine": machine(),
        "repetitions": 1,
        "rounds": len(benchmarks) // max(len({benchmark["orchestrator"] for benchmark in benchmarks}), 1),
        "busy": sorted({benchmark["orchestrator"] for benchmark in benchmarks if is_busy(benchmark)}),
        "packages": dict(packages or {}),
        "figures": figures_of(benchmarks),
        "bouts": list(benchmarks),
        "tours": list(tours),
        "orchestrators": [_orchestrator(c) for c in contestants],
        "outputs": outputs,
        "steps": _steps(contestants),
        "models": _models(contestants),
        "code": code,
        "operations": operations() if comparison.pipeline == "streamrec" else [],
        "concepts": concepts() if comparison.pipeline == "streamrec" else [],
        "beside": dict(NOTHING),
    }


def machine() -> dict[str, Any]:
    """The machine of the measurements."""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory": psutil.virtual_memory().total,
        "python": platform.python_version(),
        "load": list(os.getloadavg()),
    }


def _processor() -> str:
    """The model of the processor if the system has it, else its architecture."""
    cpu_info = Path("/proc/cpuinfo")
    lines = cpu_info.read_text(encoding="utf-8", errors="replace").splitlines() if cpu_info.exists() else []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.machine())


def _orchestrator(contestant: Contestant) -> dict[str, Any]:
    record, measured = contestant.record or {}, contestant.measured
    return {
        "name": contestant.orchestrator,
        "version": record.get("orchestrator_version"),
        "status": record.get("status", "did not run"),
        "exit_code": measured.code,
        "command": shlex.join(contestant.command),
        "wall_seconds": measured.wall_seconds,
        "run_seconds": _seconds(record),
        "step_cpu_seconds": _total(record, "cpu_seconds"),
        "cpu_seconds": measured.cpu_seconds,
        "peak_memory": measured.peak_memory,
        "processes": measured.processes,
        "run_id": record.get("run_id"),
    }


def _seconds(row: Mapping[str, Any]) -> float | None:
    if not row.get("started") or not row.get("ended"):
        return None
    started, ended = (datetime.fromisoformat(row[name]) for name in ("started", "ended"))
    return round((ended - started).total_seconds(), 3)


def _total(record: Mapping[str, Any], name: str) -> float:
    """The sum over all steps, including those of earlier partitions."""
    rows = [
        *record.get("steps", ()),
        *(step for upstream_run in record.get("upstream", ()) for step in upstream_run["steps"]),
    ]
    return round(sum(row.get(name) or 0.0 for row in rows), 3)


def _outputs(contestants: Sequence[Contestant]) -> list[dict[str, Any]]:
    """One row per step and partition: its digest on each orchestrator, and whether these are equal."""
    rows_by_output: dict[tuple[str, str], dict[str, Any]] = {}
    statuses: dict[tuple[str, str], list[str]] = {}
    for contestant in contestants:
        for date, step in _all_steps(contestant.record or {}):
            output = step["output"] or {}
            row = rows_by_output.setdefault((date, step["name"]), {"date": date, "step": step["name"], "digests": {}})
            row["digests"][contestant.orchestrator] = output.get("digest")
            row["rows"] = output.get("rows")
            statuses.setdefault((date, step["name"]), []).append(step["status"])
    names = [c.orchestrator for c in contestants]
    for cell, row in rows_by_output.items():
        digests = {row["digests"].get(name) for name in names}
        # a step that every side skipped, such as a branch that was not chosen, has no output on any side
        skipped = statuses[cell] == ["skipped"] * len(names)
        row["equal"] = len(digests) == 1 and (None not in digests or skipped)
    return list(rows_by_output.values())


def _all_steps(record: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    upstream_steps = [
        (upstream_run["date"], step) for upstream_run in record.get("upstream", ()) for step in upstream_run["steps"]
    ]
    return [*upstream_steps, *((record["date"], step) for step in record.get("steps", ()))]


def _steps(contestants: Sequence[Contestant]) -> list[dict[str, Any]]:
    """One row per step of the partition itself: wall, CPU and memory on each orchestrator."""
    rows_by_step: dict[str, dict[str, Any]] = {}
    for contestant in contestants:
        for step in (contestant.record or {}).get("steps", ()):
            row = rows_by_step.setdefault(step["name"], {"step": step["name"], "on": {}})
            row["on"][contestant.orchestrator] = {
                "status": step["status"],
                "attempts": step["attempts"],
                "started": step["started"],
                "ended": step["ended"],
                "wall_seconds": _seconds(step),
                "cpu_seconds": step["cpu_seconds"],
                "peak_memory": step["peak_memory"],
            }
    return list(rows_by_step.values())


def _models(contestants: Sequence[Contestant]) -> dict[str, Any]:
    """The metrics of each evaluation, from the first side that has them: equal digests imply equal metrics."""
    metrics_by_step: dict[str, Any] = {}
    for contestant in contestants:
        for step in (contestant.record or {}).get("steps", ()):
            if step["metrics"]:
                metrics_by_step.setdefault(step["name"], step["metrics"])
    return metrics_by_step
