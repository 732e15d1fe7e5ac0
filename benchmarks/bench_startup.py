"""What asking costs: `counterpoint --help`, and loading the pipeline beyond the orchestrator's own import.

Wall time of whole processes in each environment; medians of interleaved runs after one to warm up. "Beyond" is
importing the orchestrator and the pipeline, less importing the orchestrator alone (without one: less Python alone).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

MOST_HELP, MOST_LOADING = 0.5, 0.3
ROOT = Path(__file__).resolve().parents[1]
# environment: what a process of its orchestrator imports in any case
ENVIRONMENTS = {
    ".venv": "pass",
    ".venv-airflow": "import airflow.sdk",
    ".venv-dagster": "import dagster",
    ".venv-prefect": "import prefect, prefect.flows",
}
PIPELINE = "from streamrec.pipeline import pipeline; assert len(pipeline.steps) == 8"


def commands(environment: str) -> dict[str, list[str]]:
    """The processes that are measured in one environment."""
    binaries = ROOT / environment / "bin"
    alone = ENVIRONMENTS[environment]
    return {
        "help": [str(binaries / "counterpoint"), "--help"],
        "alone": [str(binaries / "python"), "-c", alone],
        "loaded": [str(binaries / "python"), "-c", f"{alone}; {PIPELINE}"],
    }


def seconds(command: list[str], folder: Path) -> float:
    """The wall time of one process, in an empty folder that is also its home."""
    environment = {
        "HOME": str(folder),
        "AIRFLOW_HOME": str(folder),
        "DAGSTER_HOME": str(folder),
        "PATH": "/usr/bin:/bin",
    }
    start = time.perf_counter()
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed: {done.stdout}{done.stderr}")
    return time.perf_counter() - start


def measure(environment: str, repeats: int, folder: Path) -> bool:
    """Prints what one environment takes; whether it keeps both floors."""
    timed: dict[str, list[float]] = {name: [] for name in commands(environment)}
    for _ in range(repeats + 1):
        for name, command in commands(environment).items():
            timed[name].append(seconds(command, folder))
    help_, alone = (median(timed[name][1:]) for name in ("help", "alone"))
    beyond = median(after - before for before, after in zip(timed["alone"][1:], timed["loaded"][1:], strict=True))
    print(f"{environment}: --help {help_:.2f} s (at most {MOST_HELP})")
    print(
        f"{environment}: pipeline {beyond:.2f} s beyond (at most {MOST_LOADING}) the {alone:.2f} s of the import alone"
    )
    return help_ <= MOST_HELP and beyond <= MOST_LOADING


def main() -> int:
    """Measures every environment that is there; the exit code is 1 when a floor is missed, or none is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    there = [name for name in ENVIRONMENTS if (ROOT / name / "bin/counterpoint").exists()]
    for name in ENVIRONMENTS.keys() - there:
        print(f"{name}: not there (make setup)")
    with tempfile.TemporaryDirectory() as folder:
        kept = [measure(name, given.repeats, Path(folder)) for name in there]
    return int(not kept or not all(kept))


if __name__ == "__main__":
    sys.exit(main())
