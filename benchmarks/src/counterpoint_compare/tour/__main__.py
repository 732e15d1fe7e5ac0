"""What a person meets on one side: a bug in the validation, then a week done again of which one day is corrupt.

    python -m counterpoint_compare.tour --on dagster [--tests CHECKOUT]

Run in the orchestrator's own environment. Everything is done by the commands that a person types, on the real
services; each is timed. The pages of the orchestrator are photographed by the Chromium of this machine, if it has one.
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
# the bug: a name that does not exist, in the line that validates; bytecode of a file that was written within the same
# second is told apart by the file's size alone
BUG = "HIGHEST_AMONT"
RIGHT, WRONG = "<= HIGHEST_AMOUNT]", f"<= {BUG}]"
DAYS = [f"2026-01-{day:02}" for day in range(1, 18)]
BUG_DAY, FIRST, LAST, CORRUPT = "2026-01-01", "2026-01-08", "2026-01-14", "2026-01-11"
AT_ONCE = "3"
IMPORTS = 3
# where an orchestrator shows what ran of a pipeline, day by day
_WEEK = {"airflow": "dags/orders", "dagster": "runs", "prefect": "runs"}


class Team:
    """A folder with the team's code and its days, and a root."""

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
        """Writes the pipeline, with the bug in its validation or without; the line that it is in."""
        text = (HERE / "orders.py").read_text(encoding="utf-8")
        if text.count(RIGHT) != 1:
            raise SystemExit(f"orders.py has no line with {RIGHT!r}: mend the tour")
        (self.code / "orders.py").write_text(text.replace(RIGHT, WRONG) if bug else text, encoding="utf-8")
        return text[: text.index(RIGHT)].count("\n") + 1

    def type(self, *words: str) -> dict[str, Any]:
        """A command as a person types it: its words, seconds, code and answer."""
        log.info("%s: counterpoint %s", self.on, " ".join(words[:2]))
        began = time.monotonic()
        command = [sys.executable, "-m", "counterpoint", *words, "--root", self.root, "--json", "--quiet"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
        told = {"command": " ".join(("counterpoint", *words)).replace(str(self.folder), "days")}
        answer = json.loads(done.stdout) if done.stdout.strip() else None
        return {**told, "seconds": round(time.monotonic() - began, 3), "code": done.returncode, "answer": answer}

    @property
    def words(self) -> tuple[str, ...]:
        """The options that every run needs here."""
        service = () if self.on == "local" else ("--service",)
        return ("--on", self.on, *service, "--set", f"folder={json.dumps(str(self.folder))}")


def debugging(team: Team, engine: Engine, line: int, shots: Path) -> dict[str, Any]:
    """A run with the bug in it: what `why` says, what the orchestrator says, and what its page shows."""
    ran = team.type("run", PIPELINE, "--date", BUG_DAY, *team.words)
    run_id = ran["answer"]["run_id"]
    why = team.type("why", run_id)
    cause = why["answer"]["causes"][0]
    # as a traceback has it, and as Airflow's structured log does
    places = (f'orders.py", line {line}', f"orders.py', 'lineno': {line}")
    found = {
        "line": line,
        "bug": BUG,
        "run": _brief(ran),
        "why": {**_brief(why), "error": cause["error"], "where": f"orders.py:{line}" in json.dumps(cause)},
    }
    if isinstance(engine, ServiceEngine):
        kept = Store(team.root, find_pipeline(PIPELINE)).get_json(layout.run_request("orders", run_id)) or {}
        native_id = next(iter(kept["native"]))
        native = natively.search(engine, native_id, (BUG,))
        found["native"] = {**native, "calls_to_the_line": natively.search(engine, native_id, places)["calls"]}
        found["page"] = photograph(
            engine.adapter.page(engine.target, native_id), shots / f"{team.on}-bug.png", headers(engine.target, team.on)
        )
    return found


def week(team: Team, engine: Engine, shots: Path) -> dict[str, Any]:
    """A week done again, one day of which is corrupt; the day is mended, and what failed is done again."""
    team.put(CORRUPT, -1.0)
    words = ("--from", FIRST, "--to", LAST, "--version", "again", "--max-parallel", AT_ONCE)
    first = team.type("backfill", PIPELINE, *words, *team.words)
    before = team.type("status", PIPELINE, "--version", "again", "--from", FIRST, "--to", LAST)["answer"]
    shown = None
    if isinstance(engine, ServiceEngine):
        shown = photograph(
            f"{engine.target.url()}/{_WEEK[team.on]}", shots / f"{team.on}-week.png", headers(engine.target, team.on)
        )
    team.put(CORRUPT, 20.0)
    again = team.type("retry", PIPELINE, "--backfill", "again")
    after = team.type("status", PIPELINE, "--version", "again", "--from", FIRST, "--to", LAST)["answer"]
    days = {row["date"]: row["status"] for row in first["answer"]["partitions"]}
    return {
        "days": days,
        "blocked_by": {row["date"]: row["blocked_by"] for row in first["answer"]["partitions"] if row["blocked_by"]},
        "first": {**_brief(first), "computed": first["answer"]["computed"]},
        "retry": {**_brief(again), "computed": again["answer"]["computed"], "saved": again["answer"]["saved"]},
        "before": before,
        "after": after,
        "page": shown,
    }


def imports(on: str) -> dict[str, float]:
    """Seconds and CPU seconds from a new interpreter until the orchestrator alone, and until StreamRec, is imported."""
    codes = {
        "alone": _ALONE[on],
        "streamrec": f"{_ALONE[on]}; {_TRANSLATED.format(on=on)}" if on != "local" else _LOCAL,
    }
    if on in MODULES and find_spec(MODULES[on]):
        codes["by_hand"] = f"import {MODULES[on]}"
    return {name: _imported(code) for name, code in codes.items()}


_ALONE = {
    "local": "pass",
    "airflow": "import airflow.sdk",
    "dagster": "import dagster",
    "prefect": "import prefect.flows",
}
_LOCAL = "from counterpoint.runtime import find_pipeline; find_pipeline('streamrec')"
_TRANSLATED = (
    "from counterpoint.adapter import find_adapter; from counterpoint.runtime import find_pipeline; "
    "find_adapter('{on}').translate(find_pipeline('streamrec'))"
)


def _imported(code: str) -> float:
    taken = []
    with tempfile.TemporaryDirectory() as home:
        places = {"AIRFLOW_HOME": home, "DAGSTER_HOME": home, "PREFECT_HOME": home, "STREAMREC_ROOT": home}
        for _ in range(IMPORTS):
            began = time.monotonic()
            subprocess.run(
                [sys.executable, "-c", code], env={**os.environ, **places}, stdout=subprocess.DEVNULL, check=True
            )
            taken.append(time.monotonic() - began)
    return round(median(taken), 3)


def tests(on: str, checkout: str) -> dict[str, Any]:
    """How many tests StreamRec has as a pipeline, which need no orchestrator; and by hand, which need theirs."""
    file = "tests/pipelines" if on == "local" else f"tests/handwritten/test_{on}.py"
    words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--collect-only", file]
    collected = subprocess.run(
        words, cwd=checkout, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True
    )
    return {"command": f"pytest {file}", "count": sum("::" in line for line in collected.stdout.splitlines())}


def _brief(typed: dict[str, Any]) -> dict[str, Any]:
    return {name: typed[name] for name in ("command", "seconds", "code")}


def main() -> int:
    """Writes what was met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--on", required=True, choices=sorted(_ALONE))
    parser.add_argument("--tests", metavar="CHECKOUT", help="also count the tests of StreamRec there")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    interrupt_once()
    with tempfile.TemporaryDirectory(prefix="counterpoint-tour-") as folder:
        # who asks Prefect's API by its own client has a home of Prefect's, too
        os.environ.setdefault("PREFECT_HOME", f"{folder}/prefect")
        team, shots = Team(Path(folder), args.on), Path(folder)
        line = team.write_code(bug=True)
        with engine_for(args.on, team.root, (PIPELINE,), service=args.on != "local") as engine:
            met = {"orchestrator": args.on, "version": engine.version, "bug": debugging(team, engine, line, shots)}
            team.write_code(bug=False)
            met["week"] = week(team, engine, shots)
        met["imports"] = imports(args.on)
        if args.tests:
            met["tests"] = tests(args.on, args.tests)
    sys.stdout.write(json.dumps(met))
    return 0


if __name__ == "__main__":
    sys.exit(main())
