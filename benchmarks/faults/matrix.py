"""The fault matrix: twelve faults on the local runner, Airflow, Dagster and Prefect, on their real services.

    python benchmarks/faults/matrix.py [--on local,airflow,dagster,prefect] [--only FAULT ...] [--out report/faults]

Writes faults.json, index.html and, for the report of `counterpoint compare`, summary.json; ends with 1 when a cell
misses its goal.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])

from cells import PIPELINE  # noqa: E402 - found beside this file
from days import DATES, healthy  # noqa: E402
from expected import ALL, FAULTS, Fault  # noqa: E402

from counterpoint.cli.environments import python_of  # noqa: E402
from counterpoint.model import RunRequest  # noqa: E402
from counterpoint.runtime import find_pipeline  # noqa: E402
from counterpoint.services import LocalEngine  # noqa: E402
from counterpoint.storage import Store  # noqa: E402
from counterpoint_compare.results import machine  # noqa: E402

ORCHESTRATORS = "local,airflow,dagster,prefect"


def reference(base: Path, names: list[str]) -> dict[str, Any]:
    """What every day comes to without a fault, by the local runner: digests of all steps, values of the metrics."""
    folder, root = base / "days", str(base / "data")
    folder.mkdir(parents=True)
    store = Store(root, find_pipeline(PIPELINE))

    def run(name: str) -> tuple[str, dict[str, Any]]:
        date = DATES[name]
        (folder / f"{date}.csv").write_text(healthy(date), encoding="ascii")
        LocalEngine().run([RunRequest(PIPELINE, date, f"reference-{date}", root, config={"folder": str(folder)})])
        entries = {step: entry.reference for step in ALL if (entry := store.entry(step, date))}
        return date, {
            "digests": {step: made.digest for step, made in entries.items()},
            "values": {step: store.read(made) for step, made in entries.items() if step.endswith("_evaluation")},
        }

    with ThreadPoolExecutor(os.cpu_count()) as workers:
        return dict(workers.map(run, names))


def judged(fault: Fault, cell: dict[str, Any]) -> dict[str, bool]:
    """Which goals a cell meets."""
    why = cell.get("why") or {}
    first = (why.get("causes") or [{}])[0]
    told = json.dumps(first)
    severities = [alert["severity"] for alert in cell["alerts"] if alert["severity"] != "P3"]
    return {
        "cause": fault.step is None
        or (
            (first.get("step"), first.get("failure")) == (fault.step, fault.failure)
            and any(w in told for w in fault.words)
        ),
        "states": cell["states"] == states(fault),
        "attempts": fault.step is None or cell["attempts"].get(fault.step, 1) == fault.attempts,
        "alerts": severities == ([fault.severity] if fault.severity else []),
        "nothing wrong visible": not cell["wrong"],
        "redone": fault.step is None or sorted(cell["redone"]) == sorted(fault.redone),
        "mended": cell["mended"],
    }


def states(fault: Fault) -> dict[str, str]:
    """How the steps of a run with a fault are to end."""
    found = dict.fromkeys(ALL, "success")
    if fault.step is None:
        return found
    waited = {"left_evaluation": ()}.get(fault.step, ALL[ALL.index(fault.step) + 1 : -1])
    return {**found, fault.step: "failed", **dict.fromkeys(waited, "upstream_failed")}


def measured(on: str, base: Path, args: argparse.Namespace) -> dict[str, Any]:
    """The cells of one orchestrator, from its own environment, each with its verdict."""
    out, began = base / f"{on}.json", time.monotonic()
    words = [
        "--on",
        on,
        "--base",
        base / on,
        "--reference",
        base / "reference.json",
        "--out",
        out,
        "--only",
        *args.only,
    ]
    done = subprocess.run([python_of(on), HERE / "cells.py", *words], check=False, stdout=sys.stderr)
    found = {"on": on, "version": None, "cells": [], "error": f"ended with {done.returncode}"}
    if out.exists():
        found = json.loads(out.read_text(encoding="utf-8"))
    faults = {fault.name: fault for fault in FAULTS}
    for cell in found["cells"]:
        cell["goals"] = judged(faults[cell["fault"]], cell)
        cell["met"] = all(cell["goals"].values())
    return {**found, "seconds": round(time.monotonic() - began, 1)}


def page(results: dict[str, Any]) -> str:
    """The table as one self-contained page."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    templates = Environment(loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return templates.get_template("matrix.html.j2").render(
        r=results, faults=[f for f in FAULTS if f.name in results["only"]]
    )


def summary(results: dict[str, Any]) -> dict[str, Any]:
    """What a report shows of it: by fault and side, whether all goals are met, and how soon the cause was known."""
    told = {fault.name: fault.told for fault in FAULTS}
    rows: dict[str, dict[str, Any]] = {name: {"fault": told[name], "on": {}} for name in results["only"]}
    for cell in (cell for side in results["sides"] for cell in side["cells"]):
        rows[cell["fault"]]["on"][cell["on"]] = {
            "met": cell["met"],
            "missed": [goal for goal, met in cell["goals"].items() if not met],
            "why_seconds": cell.get("why_seconds"),
            "native_calls": (cell.get("native") or {}).get("calls"),
        }
    kept = {name: results[name] for name in ("made", "command", "machine", "seconds", "wanted", "met", "wrong")}
    return {**kept, "versions": {side["on"]: side["version"] for side in results["sides"]}, "rows": list(rows.values())}


def main() -> int:
    """Measures all cells, writes the table, says how many meet their goals."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--on", default=ORCHESTRATORS)
    parser.add_argument("--only", nargs="*", default=[fault.name for fault in FAULTS], metavar="FAULT")
    parser.add_argument("--out", type=Path, default=Path("report/faults"))
    args = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="counterpoint-faults-") as folder:
        base = Path(folder)
        (base / "reference.json").write_text(json.dumps(reference(base / "reference", args.only)), encoding="utf-8")
        sides = [measured(on, base, args) for on in args.on.split(",")]
    cells = [cell for side in sides for cell in side["cells"]]
    results = {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": f"python benchmarks/faults/matrix.py --on {args.on}",
        "machine": machine(),
        "seconds": round(time.monotonic() - began, 1),
        "only": args.only,
        "wanted": len(args.on.split(",")) * len(args.only),
        "met": sum(cell["met"] for cell in cells),
        "wrong": sum(bool(cell["wrong"]) for cell in cells),
        "sides": sides,
    }
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "faults.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    (args.out / "summary.json").write_text(json.dumps(summary(results), indent=2) + "\n", encoding="utf-8")
    (args.out / "index.html").write_text(page(results), encoding="utf-8")
    for cell in cells:
        missed = [goal for goal, met in cell["goals"].items() if not met]
        print(f"{cell['on']:8} {cell['fault']:22} {'met' if cell['met'] else 'MISSED: ' + ', '.join(missed)}")
    print(f"{results['met']} of {results['wanted']} cells meet their goals, in {results['seconds']:g} s: {args.out}")
    return int(results["met"] != results["wanted"])


if __name__ == "__main__":
    sys.exit(main())
