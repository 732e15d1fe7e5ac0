"""How long StreamRec's tests take: as a pipeline of Counterpoint, with no orchestrator, and by hand, on each.

    python benchmarks/bench_tests.py [--on local,airflow,dagster,prefect] [--out report/tests]

Each side's tests run in its own environment, one side after the other, once; `local` is the pipeline's own. Ends with 1
when a test fails.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from counterpoint.cli.environments import python_of
from counterpoint.files import put
from counterpoint_compare.results import machine

ROOT = Path(__file__).resolve().parents[1]


def timed(on: str) -> dict[str, Any]:
    """How many tests a side has, and the seconds from the start of pytest to its end."""
    file = "tests/pipelines" if on == "local" else f"tests/handwritten/test_{on}.py"
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        words = ("-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", file)
        python = sys.executable if on == "local" else str(python_of(on))
        done = subprocess.run([python, *words], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
        if done.returncode:
            raise SystemExit(f"the tests of {on} ended with code {done.returncode}: see above")
        (suite,) = ET.parse(report).getroot()  # noqa: S314 - pytest has just written it
    return {
        "orchestrator": on,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": "python benchmarks/bench_tests.py",
        "machine": machine(),
        "count": int(suite.attrib["tests"]) - int(suite.attrib["skipped"]),
        "seconds": float(suite.attrib["time"]),
    }


def main() -> int:
    """Prints, and with `--out` also writes, a document a side."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--on", default="local,airflow,dagster,prefect")
    parser.add_argument("--out", type=Path, metavar="DIR", help="also writes DIR/SIDE.json, for the report")
    args = parser.parse_args()
    for on in args.on.split(","):
        told = json.dumps(timed(on), indent=2)
        print(told)
        if args.out:
            args.out.mkdir(parents=True, exist_ok=True)
            put(args.out / f"{on}.json", f"{told}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
