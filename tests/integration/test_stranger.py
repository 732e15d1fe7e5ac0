"""A stranger's pipeline from the command line: two sources, a window over a window, a branch, an effect, a bad day.

Where an orchestrator is installed it runs on that one's services; where there is none, on the local runner.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from counterpoint.adapter import find_adapters

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.service, pytest.mark.timeout(1200)]
ORCHESTRATOR = next(iter(sorted(find_adapters())), "local")
ON = ["--on", ORCHESTRATOR, *([] if ORCHESTRATOR == "local" else ["--service"])]
NAME, TOKEN = "parcels.pipeline:pipeline", "tok-3f9a1c77e2"
SOURCES = Path(__file__).parent / "stranger" / "src"
DAYS = [f"2026-03-{day:02}" for day in range(1, 9)]
BAD = "2026-03-07"


class Team:
    """A team with a folder of deliveries, a root, and the command."""

    def __init__(self, place: Path) -> None:
        self.folder, self.outbox, self.root = place / "delivered", place / "outbox.jsonl", place / "root"
        self.folder.mkdir()
        self.outbox.touch()
        self.place = place
        for day in DAYS:
            self.deliver(day)
        quick = {"token": TOKEN, "quick": {"swift": 1, "slow": 0}}
        (self.folder / "carriers.json").write_text(json.dumps(quick), encoding="utf-8")

    def deliver(self, day: str) -> None:
        """The parcels of a day, which depend on the day alone."""
        draw = random.Random(day)  # noqa: S311
        rows = ["parcel,region,carrier,weight,hours_late"]
        for number in range(120):
            carrier, weight = draw.choice(("swift", "slow")), round(draw.uniform(0.1, 30), 1)
            late = round(weight * (0.5 if carrier == "swift" else 2) + draw.random(), 2)
            rows.append(f"{day}-{number},{draw.choice(('north', 'south', 'west'))},{carrier},{weight},{late}")
        (self.folder / f"{day}.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(SOURCES), "PARCELS_TOKEN": TOKEN, "COUNTERPOINT_ROOT": str(self.root)}

    def ask(self, *words: str, on: bool = True, code: int = 0) -> str:
        """What a command answers on stdout; it must end with `code`."""
        command = [sys.executable, "-m", "counterpoint", *words, *(ON if on else [])]
        done = subprocess.run(
            command, env=self.environment, cwd=self.place, capture_output=True, text=True, check=False, timeout=600
        )
        said = f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        assert done.returncode == code, f"{' '.join(words)}: {done.returncode}\n{said}"
        assert TOKEN not in done.stdout + done.stderr
        return done.stdout

    def given(self, **others: Any) -> list[str]:
        """The settings of every run."""
        settings = {"folder": str(self.folder), "outbox": str(self.outbox), **others}
        return [word for name, value in settings.items() for word in ("--set", f"{name}={json.dumps(value)}")]

    def told(self) -> list[dict[str, Any]]:
        """What was sent."""
        return [json.loads(line) for line in self.outbox.read_text(encoding="utf-8").splitlines()]


@contextmanager
def up(team: Team) -> Iterator[None]:
    """The orchestrator's services, as a person starts and ends them."""
    if ORCHESTRATOR == "local":
        yield
        return
    log = (team.place / "up.log").open("w")
    command = [sys.executable, "-m", "counterpoint", "up", ORCHESTRATOR, "--pipeline", NAME]
    process = subprocess.Popen(command, env=team.environment, cwd=team.place, stdout=log, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 240
        while "is up at" not in (text := (team.place / "up.log").read_text(encoding="utf-8")):
            assert process.poll() is None, text
            assert time.monotonic() < deadline, text
            time.sleep(0.5)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 130
        log.close()


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    made = Team(tmp_path_factory.mktemp("team"))
    with up(made):
        yield made


def digests(record: dict[str, Any]) -> dict[str, Any]:
    return {step["name"]: step["output"] and step["output"]["digest"] for step in record["steps"]}


def test_a_stranger_lives_with_it(team: Team, tmp_path: Path) -> None:
    """One day, a changed decision, a backfill with a bad day, its cause, the retry and the promotion."""
    record = json.loads(team.ask("run", NAME, "--date", DAYS[3], *team.given(), "--json"))
    states = {step["name"]: step["status"] for step in record["steps"]}
    assert record["status"] == "success"
    assert states == {**dict.fromkeys(states, "success"), "held": "skipped"}
    assert [(sent["day"], sent["failed"]) for sent in team.told()] == [(DAYS[3], {})]
    if ORCHESTRATOR != "local":
        alone = Team(tmp_path)
        alone.folder, alone.outbox = team.folder, tmp_path / "another.jsonl"
        local = json.loads(alone.ask("run", NAME, "--date", DAYS[3], *alone.given(), "--json", on=False))
        assert digests(local) == digests(record)

    _decide_otherwise(team)
    _go_back(team)
    secret = [path for path in team.root.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    assert secret == []


def _decide_otherwise(team: Team) -> None:
    """The gate decides otherwise: one branch stands, never both, and that day alone is told again."""
    record = json.loads(team.ask("run", NAME, "--date", DAYS[3], *team.given(bar=0.0), "--json"))
    states = {step["name"]: step["status"] for step in record["steps"]}
    assert (states["published"], states["held"]) == ("skipped", "success")
    assert len({sent["key"] for sent in team.told()}) == len(team.told()) == 2
    said = team.ask("status", NAME, *team.given(bar=0.0), "--json", on=False)
    assert DAYS[3] in said


def _go_back(team: Team) -> None:
    """A backfill of three days, of which the second is bad; what hangs on it is named, and redone when it is mended."""
    good = (team.folder / f"{BAD}.csv").read_text(encoding="utf-8")
    (team.folder / f"{BAD}.csv").write_text(good.replace(",north,", ",atlantis,"), encoding="utf-8")
    words = ("backfill", NAME, "--from", DAYS[5], "--to", DAYS[7], "--version", "v1", *team.given(), "--json")
    report = json.loads(team.ask(*words, code=1))
    found = {one["date"]: (one["status"], one["failed_step"], one["blocked_by"]) for one in report["partitions"]}
    assert found[DAYS[5]][0] == "success"
    assert found[BAD][:2] == ("failed", "joined")
    assert found[DAYS[7]][2] == [BAD]
    assert len(team.told()) == 2
    run = next(one["run_id"] for one in report["partitions"] if one["date"] == BAD)
    assert "atlantis" in team.ask("why", run, "--json", on=False)

    (team.folder / f"{BAD}.csv").write_text(good, encoding="utf-8")
    report = json.loads(team.ask("retry", NAME, "--backfill", "v1", "--json", on=False))
    assert [one["status"] for one in report["partitions"]] == ["success"] * 3
    team.ask("backfill", "promote", NAME, "v1", on=False)
    rows = pl.read_delta(str(team.root / "tables" / "production" / "late_parcels" / "joined"))
    assert set(DAYS[5:8]) <= set(rows["date"].to_list())
    assert len(team.told()) == 2
