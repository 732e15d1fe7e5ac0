"""StreamRec by Counterpoint beside StreamRec by hand, on the same orchestrator: wall clock and CPU of one day's run.

    .venv-airflow/bin/python benchmarks/bench_by_hand.py [--repeats 3] [--out report/by-hand]

Run by the Python of the orchestrator's environment. Each side runs the eight steps of one day by the orchestrator's own
engine in a process of its own (`dag.test()`, a job in process, a flow on its own temporary server), from a copy of
the same prepared week: the six earlier days stand, Airflow's database is migrated, MLflow's is made, and Counterpoint
has seen the steps run once, so that it knows which libraries they import. Interleaved, the first of each discarded;
medians of the pairs' ratios. Before anything counts, all eight digests of both sides must be equal.

What differs by design: Counterpoint runs each step in a process of its own, so that a time-out bites in C code, too.
By hand it does not.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from counterpoint.files import put
from counterpoint.storage import layout
from counterpoint_compare.figures import summary
from counterpoint_compare.results import machine

ROOT = Path(__file__).resolve().parents[1]
DAY = "2026-01-08"
SOURCE = "synthetic:rows=20000,users=2000,items=500,seed=7"
TABLES = ("raw_interactions", "validated_interactions", "training_features")
MODELS = ("retrieval_model", "ranking_model")
MOST = 1.10


def orchestrator() -> str:
    """The orchestrator of this environment."""
    from counterpoint.adapter import find_adapters

    return min(find_adapters())


def by_hand(name: str, place: Path) -> None:
    """Runs the day of the handwritten pipeline in this process."""
    {"airflow": _airflow, "dagster": _dagster, "prefect": _prefect}[name](place)


def _airflow(place: Path) -> None:
    home = place / "airflow"
    (home / "dags").mkdir(parents=True, exist_ok=True)
    entry = "from byhand.airflow_taskflow import streamrec_by_hand  # Airflow's DAG\n"
    (home / "dags" / "streamrec.py").write_text(entry, encoding="utf-8")
    settings = {
        "CORE__DAGS_FOLDER": home / "dags",
        "CORE__LOAD_EXAMPLES": False,
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "API_AUTH__JWT_SECRET": "0" * 64,
        "LOGGING__BASE_LOG_FOLDER": home / "logs",
        "LOGGING__LOGGING_LEVEL": "WARNING",
        "USAGE_DATA_COLLECTION__ENABLED": False,
    }
    os.environ |= {"AIRFLOW_HOME": str(home), **{f"AIRFLOW__{name}": str(value) for name, value in settings.items()}}
    from airflow.utils.db import initdb

    initdb()
    from byhand.airflow_taskflow import streamrec_by_hand

    streamrec_by_hand.deadline = None  # dag.test() cannot carry one
    run = streamrec_by_hand.test(logical_date=datetime(2026, 1, 9, 2, tzinfo=UTC))
    _refuse(str(run.state) == "success", run.state)


def _dagster(place: Path) -> None:
    home = place / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    os.environ["DAGSTER_HOME"] = str(home)
    import dagster

    from byhand.dagster_assets import defs

    with dagster.DagsterInstance.get() as instance:
        job = defs.resolve_job_def("streamrec")
        _refuse(job.execute_in_process(partition_key=DAY, instance=instance).success, "failed")


def _prefect(place: Path) -> None:
    os.environ |= {
        "PREFECT_HOME": str(place / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "PREFECT_LOGGING_LEVEL": "WARNING",
    }
    from byhand.prefect_flow import streamrec

    state = streamrec(DAY, return_state=True)
    _refuse(state.is_completed(), state)


def _refuse(is_well: object, state: object) -> None:
    if not is_well:
        raise SystemExit(f"the handwritten run ended as {state}")


def prepare(place: Path) -> None:
    """The week before the day, for both sides, made by plain calls and by the local runner."""
    os.environ |= {"STREAMREC_ROOT": str(place / "lake"), "STREAMREC_SOURCE": SOURCE}
    from byhand import steps
    from byhand.lake import days_before
    from byhand.registry import client_of
    from counterpoint.lineage import registry
    from counterpoint.model import RunRequest
    from counterpoint.runtime import find_pipeline
    from counterpoint.services import LocalEngine
    from counterpoint.storage import Store

    only = ("raw_interactions", "validated_interactions")
    for day in days_before(DAY, *steps.TRAINING):
        steps.raw_interactions(day)
        steps.validated_interactions(day)
        asked = {"config": {"source": SOURCE}, "steps": only}
        LocalEngine().run([RunRequest("streamrec", day, f"prepared-{day}", str(place / "data"), **asked)])
    client_of(place / "lake")
    registry.client_of(registry.place_of(Store(str(place / "data"), find_pipeline("streamrec"))))
    seen = place / "seen"
    shutil.copytree(place / "data", seen)
    LocalEngine().run([RunRequest("streamrec", DAY, "seen", str(seen), config={"source": SOURCE})])
    shutil.copytree(seen / layout.LIBRARIES, place / "data" / layout.LIBRARIES, dirs_exist_ok=True)
    shutil.rmtree(seen)


def digests_by_hand(place: Path) -> dict[str, str]:
    """By step, the digest of what the handwritten run made."""
    from byhand.lake import Lake
    from counterpoint.storage.digests import content_digest, json_digest, model_digest

    lake = Lake(place / "lake")
    found = {name: content_digest(lake.read_table(name, DAY)) for name in TABLES}
    found |= {name: model_digest(lake.read_model(name, DAY)) for name in MODELS}
    names = ("retrieval_evaluation", "ranking_evaluation", "registered_models")
    return found | {name: json_digest(lake.read_json(name, DAY)) for name in names}


def measured(side: str, name: str, prepared: Path, base: Path) -> tuple[float, float, dict[str, str]]:
    """Wall and CPU seconds of one run of a side on a copy of what was prepared, and its digests."""
    from counterpoint_compare.measured import measure

    place = base / "run"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(prepared, place)
    os.environ |= {"STREAMREC_ROOT": str(place / "lake"), "STREAMREC_SOURCE": SOURCE}
    if side == "by hand":
        used = measure([sys.executable, __file__, "--one", str(place)])
    else:
        words = ("run", "streamrec", "--date", DAY, "--on", name, "--source", SOURCE, "--root", str(place / "data"))
        used = measure([sys.executable, "-m", "counterpoint", *words, "--json", "--quiet"])
    if used.code:
        raise SystemExit(f"{side} ended with code {used.code}")
    told = {} if side == "by hand" else {s["name"]: s["output"]["digest"] for s in json.loads(used.answer)["steps"]}
    return used.wall_seconds, used.cpu_seconds, told or digests_by_hand(place)


def compared(name: str, repeats: int) -> dict[str, Any]:
    """Both sides, interleaved."""
    sides = ("by hand", "Counterpoint")
    taken: dict[str, list[tuple[float, float]]] = {side: [] for side in sides}
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        prepare(base / "prepared")
        for number in range(repeats + 1):
            made = {}
            for side in sides:
                wall, cpu, made[side] = measured(side, name, base / "prepared", base)
                print(f"{number}: {side}: {wall:.1f} s, {cpu:.1f} CPU s", file=sys.stderr)
                if number:
                    taken[side].append((wall, cpu))
            if made["by hand"] != made["Counterpoint"]:
                raise SystemExit(f"different data: {made}")
    return {
        "orchestrator": name,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": f".venv-{name}/bin/python benchmarks/bench_by_hand.py --repeats {repeats}",
        "machine": machine(),
        "by_hand": timed(taken["by hand"]),
        "counterpoint": timed(taken["Counterpoint"]),
        **{kind: ratios(taken, place) for place, kind in enumerate(("wall", "cpu"))},
    }


def timed(runs: list[tuple[float, float]]) -> dict[str, Any]:
    """Wall and CPU seconds of the runs of a side: median, interval, values."""
    return {kind: summary([run[place] for run in runs]) for place, kind in enumerate(("wall", "cpu"))}


def ratios(taken: dict[str, list[tuple[float, float]]], place: int) -> dict[str, Any]:
    """Counterpoint's share of what the run by hand beside it took: median, interval, values."""
    pairs = zip(taken["Counterpoint"], taken["by hand"], strict=True)
    return summary([round(ours[place] / theirs[place], 4) for ours, theirs in pairs])


def main() -> int:
    """Prints the ratios; 1 when Counterpoint costs more than `MOST` times as much wall clock."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, metavar="DIR", help="also writes DIR/ORCHESTRATOR.json, for the report")
    parser.add_argument("--one", type=Path, metavar="PLACE", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        by_hand(orchestrator(), args.one)
        return 0
    found = compared(orchestrator(), args.repeats)
    told = json.dumps(found, indent=2)
    print(told)
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
        put(args.out / f"{found['orchestrator']}.json", f"{told}\n")
    wall, cpu = found["wall"]["median"], found["cpu"]["median"]
    print(f"{found['orchestrator']}: {wall:.2f} of the wall, {cpu:.2f} of the CPU", file=sys.stderr)
    return int(wall > MOST)


if __name__ == "__main__":
    raise SystemExit(main())
