"""The tour of one side: a bug in the validation, then a 7-day backfill in which one day's input is corrupt.

    python -m counterpoint_compare.tour --on dagster [--tests CHECKOUT]

It runs in the orchestrator's own environment. Each action is a command that a person would type, on the real services,
and is timed. Chromium takes screenshots of the orchestrator's pages, if this machine has it.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from counterpoint.runtime import find_pipeline
from counterpoint.services import ServiceEngine, engine_for
from counterpoint.storage import Store, layout
from counterpoint_compare.benchmark_run import interrupt_once
from counterpoint_compare.code_excerpts import MODULES
from counterpoint_compare.tour import natively
from counterpoint_compare.tour.camera import photograph
from counterpoint_compare.tour.login import headers

if TYPE_CHECKING:
    from counterpoint.services import Engine

log = logging.getLogger(__name__)
HERE = Path(__file__).parent
PIPELINE = "orders:pipeline"
# The bug is an undefined name in the line that validates. It changes the size of the file, because Python detects stale
# bytecode of a file that was rewritten within the same second by its size alone.
BUG = "HIGHEST_AMONT"
RIGHT, WRONG = "<= HIGHEST_AMOUNT]", f"<= {BUG}]"
DAYS = [f"2026-01-{day:02}" for day in range(1, 18)]
BUG_DAY, FIRST, LAST, CORRUPT = "2026-01-01", "2026-01-08", "2026-01-14", "2026-01-11"
AT_ONCE = "3"
IMPORTS = 3
# the page of each orchestrator with the runs of a pipeline by day
_WEEK = {"airflow": "dags/orders", "dagster": "runs", "prefect": "runs"}


class Team:
    """A team: the folders of its code and its daily input, and a root."""

    def __init__(self, base: Path, on: str) -> None:
        self.on, self.root, self.folder, self.code = on, str(base / "data"), base / "days", base / "code"
        self.folder.mkdir(parents=True)
        self.code.mkdir()
        for place, day in enumerate(DAYS):
            self.put(day, 10.0 + place)
        sys.path.insert(0, str(self.code))
        os.environ["PYTHONPATH"] = os.pathsep.join([str(self.code), *filter(None, [os.environ.get("PYTHONPATH")])])

    def put(self, day: str, amount: float) -> None:
        """Writes the orders of a day."""
        (self.folder / f"{day}.csv").write_text(f"amount\n{amount}\n{amount + 0.5}\n", encoding="ascii")

    def write_code(self, *, bug: bool) -> int:
        """Writes the pipeline with or without the bug; returns the line of the bug."""
        text = (HERE / "orders.py").read_text(encoding="utf-8")
        if text.count(RIGHT) != 1:
            raise SystemExit(f"orders.py has no line with {RIGHT!r}: fix the tour")
        (self.code / "orders.py").write_text(text.replace(RIGHT, WRONG) if bug else text, encoding="utf-8")
        return text[: text.index(RIGHT)].count("\n") + 1

    def type(self, *words: str) -> dict[str, Any]:
        """Runs a command as a person types it; returns its words, seconds, exit code and answer."""
        log.info("%s: counterpoint %s", self.on, " ".join(words[:2]))
        started = time.monotonic()
        command = [sys.executable, "-m", "counterpoint", *words, "--root", self.root, "--json", "--quiet"]
        process = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
        typed = {"command": " ".join(("counterpoint", *words)).replace(str(self.folder), "days")}
        answer = json.loads(process.stdout) if process.stdout.strip() else None
        return {**typed, "seconds": round(time.monotonic() - started, 3), "code": process.returncode, "answer": answer}

    @property
    def words(self) -> tuple[str, ...]:
        """The options of every run of the tour."""
        service = () if self.on == "local" else ("--service",)
        return ("--on", self.on, *service, "--set", f"folder={json.dumps(str(self.folder))}")


def debugging(team: Team, engine: Engine, line: int, shots: Path) -> dict[str, Any]:
    """Runs the pipeline with the bug; returns the answers of `why` and of the orchestrator, and its page."""
    run_answer = team.type("run", PIPELINE, "--date", BUG_DAY, *team.words)
    run_id = run_answer["answer"]["run_id"]
    why_answer = team.type("why", run_id)
    cause = why_answer["answer"]["causes"][0]
    # the formats of a traceback, and of Airflow's structured log
    places = (f'orders.py", line {line}', f"orders.py', 'lineno': {line}")
    document = {
        "line": line,
        "bug": BUG,
        "run": _brief(run_answer),
        "why": {**_brief(why_answer), "error": cause["error"], "where": f"orders.py:{line}" in json.dumps(cause)},
    }
    if isinstance(engine, ServiceEngine):
        request = Store(team.root, find_pipeline(PIPELINE)).get_json(layout.run_request("orders", run_id)) or {}
        native_id = next(iter(request["native"]))
        native = natively.search(engine, native_id, (BUG,))
        document["native"] = {**native, "calls_to_the_line": natively.search(engine, native_id, places)["calls"]}
        document["page"] = photograph(
            engine.adapter.page(engine.target, native_id), shots / f"{team.on}-bug.png", headers(engine.target, team.on)
        )
    return document


def week(team: Team, engine: Engine, shots: Path) -> dict[str, Any]:
    """Runs a 7-day backfill in which one day is corrupt, repairs the day, and retries the failed steps."""
    team.put(CORRUPT, -1.0)
    words = ("--from", FIRST, "--to", LAST, "--version", "again", "--max-parallel", AT_ONCE)
    backfill = team.type("backfill", PIPELINE, *words, *team.words)
    status_before = team.type("status", PIPELINE, "--version", "again", "--from", FIRST, "--to", LAST)["answer"]
    page = None
    if isinstance(engine, ServiceEngine):
        page = photograph(
            f"{engine.target.url()}/{_WEEK[team.on]}", shots / f"{team.on}-week.png", headers(engine.target, team.on)
        )
    team.put(CORRUPT, 20.0)
    retry = team.type("retry", PIPELINE, "--backfill", "again")
    status_after = team.type("status", PIPELINE, "--version", "again", "--from", FIRST, "--to", LAST)["answer"]
    days = {row["date"]: row["status"] for row in backfill["answer"]["partitions"]}
    return {
        "days": days,
        "blocked_by": {row["date"]: row["blocked_by"] for row in backfill["answer"]["partitions"] if row["blocked_by"]},
        "first": {**_brief(backfill), "computed": backfill["answer"]["computed"]},
        "retry": {**_brief(retry), "computed": retry["answer"]["computed"], "saved": retry["answer"]["saved"]},
        "before": status_before,
        "after": status_after,
        "page": page,
    }


def imports(on: str) -> dict[str, float]:
    """The seconds that a new interpreter takes to import the orchestrator alone, and StreamRec on it."""
    codes = {
        "alone": _ORCHESTRATOR_ALONE[on],
        "streamrec": f"{_ORCHESTRATOR_ALONE[on]}; {_TRANSLATE.format(on=on)}" if on != "local" else _IMPORT_LOCAL,
    }
    if on in MODULES and find_spec(MODULES[on]):
        codes["by_hand"] = f"import {MODULES[on]}"
    return {name: _imported(code) for name, code in codes.items()}


_ORCHESTRATOR_ALONE = {
    "local": "pass",
    "airflow": "import airflow.sdk",
    "dagster": "import dagster",
    "prefect": "import prefect.flows",
}
_IMPORT_LOCAL = "from counterpoint.runtime import find_pipeline; find_pipeline('streamrec')"
_TRANSLATE = (
    "from counterpoint.adapter import find_adapter; from counterpoint.runtime import find_pipeline; "
    "find_adapter('{on}').translate(find_pipeline('streamrec'))"
)


def _imported(code: str) -> float:
    durations = []
    with tempfile.TemporaryDirectory() as home:
        places = {"AIRFLOW_HOME": home, "DAGSTER_HOME": home, "PREFECT_HOME": home, "STREAMREC_ROOT": home}
        for _ in range(IMPORTS):
            started = time.monotonic()
            subprocess.run(
                [sys.executable, "-c", code], env={**os.environ, **places}, stdout=subprocess.DEVNULL, check=True
            )
            durations.append(time.monotonic() - started)
    return round(median(durations), 3)


def tests(on: str, checkout: str) -> dict[str, Any]:
    """The number of StreamRec's tests: as a pipeline on `local`, else of the handwritten version for `on`."""
    file = "tests/pipelines" if on == "local" else f"tests/handwritten/test_{on}.py"
    words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--collect-only", file]
    collected = subprocess.run(
        words, cwd=checkout, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True
    )
    return {"command": f"pytest {file}", "count": sum("::" in line for line in collected.stdout.splitlines())}


def _brief(typed: dict[str, Any]) -> dict[str, Any]:
    return {name: typed[name] for name in ("command", "seconds", "code")}


def main() -> int:
    """Executes the tour and prints its results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--on", required=True, choices=sorted(_ORCHESTRATOR_ALONE))
    parser.add_argument("--tests", metavar="CHECKOUT", help="also count the tests of StreamRec in this checkout")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    interrupt_once()
    with tempfile.TemporaryDirectory(prefix="counterpoint-tour-") as folder:
        # Prefect's own client also needs a home folder
        os.environ.setdefault("PREFECT_HOME", f"{folder}/prefect")
        team, shots = Team(Path(folder), args.on), Path(folder)
        line = team.write_code(bug=True)
        with engine_for(args.on, team.root, (PIPELINE,), service=args.on != "local") as engine:
            document = {"orchestrator": args.on, "version": engine.version, "bug": debugging(team, engine, line, shots)}
            team.write_code(bug=False)
            document["week"] = week(team, engine, shots)
        document["imports"] = imports(args.on)
        if args.tests:
            document["tests"] = tests(args.on, args.tests)
    sys.stdout.write(json.dumps(document))
    return 0


if __name__ == "__main__":
    sys.exit(main())
