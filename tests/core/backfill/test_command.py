"""The commands: backfill, retry, status, promote, drop, as a person types them."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Farm

RANGE = ("--from", "2026-01-05", "--to", "2026-01-10")
BAD = "2026-01-07"


def run(farm: Farm, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "counterpoint", *words, "--root", farm.root]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def backfill(farm: Farm, *words: str) -> subprocess.CompletedProcess[str]:
    return run(farm, "backfill", "farm:harvest", *RANGE, "--set", f'folder="{farm.place}"', *words)


def test_from_a_bad_day_to_promotion(farm: Farm) -> None:
    farm.deliver(BAD, "corrupt")
    first = backfill(farm, "--max-parallel", "3", "--version", "v2", "--json")
    assert first.returncode == 1
    report = json.loads(first.stdout)
    assert [row["date"] for row in report["partitions"] if row["status"] == "blocked"] == ["2026-01-08", "2026-01-09"]
    grid = json.loads(run(farm, "status", "farm:harvest", "--version", "v2", "--json").stdout)
    assert {row["date"]: row["steps"]["sums"] for row in grid["partitions"]}["2026-01-08"] == "blocked"
    picture = farm.place / "grid.svg"
    assert run(farm, "status", "farm:harvest", "--version", "v2", "--picture", str(picture)).returncode == 0
    drawn = picture.read_text(encoding="utf-8")
    assert drawn.startswith("<svg")
    assert "url(http" not in drawn
    assert all(mark in drawn for mark in ("2026-01-08", "sums", "⊘", "✗"))
    early = run(farm, "backfill", "promote", "farm:harvest", "v2")
    assert (early.returncode, farm.read("sums", "production")) == (2, {})
    assert "retry farm:harvest --backfill v2" in early.stderr
    farm.deliver(BAD, "7")
    again = run(farm, "retry", "farm:harvest", "--backfill", "v2")
    assert again.returncode == 0, again.stderr
    assert "11 steps run, 19 reused" in again.stdout
    promoted = run(farm, "backfill", "promote", "farm:harvest", "v2", "--json")
    assert json.loads(promoted.stdout) == {"promoted": "v2", "outputs": 34, "replaced": 0, "equal": 0}
    assert farm.read("sums", "production") == {f"2026-01-{n:02}": 3 * n - 3 for n in range(5, 11)}
    assert run(farm, "backfill", "drop", "farm:harvest", "v2").returncode == 2


def test_a_version_that_is_not_wanted_is_forgotten(farm: Farm) -> None:
    assert backfill(farm, "--version", "trial").returncode == 0
    dropped = run(farm, "backfill", "drop", "farm:harvest", "trial", "--json")
    assert json.loads(dropped.stdout) == {"dropped": "trial", "outputs": 34}
    again = run(farm, "status", "farm:harvest", "--version", "trial")
    assert again.returncode == 2
    assert "no backfill 'trial'" in again.stderr


def test_a_dry_run_says_what_would_be_done(farm: Farm) -> None:
    done = backfill(farm, "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert "34 steps in 5 waves" in done.stdout
    assert "isolation of output" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("backfill", "farm:harvest"), "name the partitions: --from A --to B"),
        (("backfill", "promote", "farm:harvest"), "write backfill promote PIPELINE TAG"),
        (("backfill", "farm:harvest", "v2", *RANGE), "write backfill PIPELINE --from A --to B"),
        (("backfill", "farm:harvest", *RANGE, "--max-parallel", "0"), "--max-parallel 0: give 1 or more"),
        (("backfill", "farm:harvest", *RANGE, "--version", "production"), "production"),
        (("backfill", "drop", "farm:harvest", "v9"), "v9"),
        (("retry", "farm:harvest", "--backfill", "v9"), "has no backfill 'v9'"),
        (("retry", "farm:harvest", "--run", "r9"), "has no run 'r9'"),
        (("status", "farm:harvest", "--from", "2026-01-05"), "both --from and --to"),
    ],
)
def test_a_mistake_is_one_clear_error(farm: Farm, words: tuple[str, ...], said: str) -> None:
    done = run(farm, *words)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_failed_run_is_retried_by_its_id(farm: Farm) -> None:
    farm.deliver(BAD, "corrupt")
    words = ("run", "farm:harvest", "--date", BAD, "--set", f'folder="{farm.place}"', "--json")
    failed = json.loads(run(farm, *words).stdout)
    assert failed["status"] == "failed"
    farm.deliver(BAD, "7")
    again = run(farm, "retry", "farm:harvest", "--run", failed["run_id"], "--json")
    assert again.returncode == 0, again.stderr
    told = json.loads(again.stdout)
    assert told["upstream"] == []
    assert [step["name"] for step in told["steps"] if not step["reused"]] == [
        "raw",
        "checked",
        "sums",
        "doubled",
        "report",
    ]
