"""The commands of docs/how-to/dead-letters.md do what the page says, in its order, on two small days."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = (Path(__file__).resolve().parents[2] / "docs/how-to/dead-letters.md").read_text(encoding="utf-8")
DAYS = """
import sys
from dataclasses import replace
from counterpoint.model import RunRequest
from counterpoint.runtime import execute
config = {"source": "synthetic:rows=3000,users=300,items=100,late=0.003"}
for day in ("2026-01-06", "2026-01-07"):
    request = RunRequest("streamrec", day, f"run-{day}", sys.argv[1], config=config)
    made = {"raw_interactions": execute(request, "raw_interactions")}
    execute(request, "validated_interactions", made)
"""


def test_the_commands(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    commands = [line.partition("#")[0].split() for line in block.splitlines()]
    assert len(commands) == 5
    environment = {**os.environ, "COUNTERPOINT_ROOT": str(tmp_path)}
    subprocess.run([sys.executable, "-c", DAYS, str(tmp_path)], check=True)
    told = []
    for command in commands:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        told.append(done.stdout)
    listed, shown, planned, sent, status = told
    assert "rows waiting" in listed
    assert "inside its day" in shown
    assert "0 rows would be resubmitted" in planned
    assert "counterpoint backfill streamrec --from 2026-01-06 --to 2026-01-07 --stale" in sent
    assert "2026-01-06" in status
