"""A pipeline that Airflow runs, and Dagster could: schedules that tell what was asked of them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from counterpoint.errors import ServiceError
from counterpoint.model import Partitions, Pipeline, Schedule, step
from counterpoint.runtime import schedule_ownership
from counterpoint.runtime.schedule_ownership import Party
from counterpoint.services.processes import Owner
from counterpoint.storage.objects import Objects
from counterpoint_migrate.cutover.cutover import Move, cut_over
from counterpoint_migrate.cutover.ledger import code_of, note, setting_digests

if TYPE_CHECKING:
    from pathlib import Path

AIRFLOW, DAGSTER, PREFECT = map(Party, ("airflow", "dagster", "prefect"))


@step()
def knead() -> int:
    return 1


@step()
def bake(knead: int) -> int:
    return knead


@step()
def sell(bake: int) -> int:
    return bake


bread = Pipeline(
    "bread",
    (knead, bake, sell),
    Partitions(start="2026-01-01"),
    schedule=Schedule("0 4 * * *"),
    config={"flour": "rye"},
)


@dataclass
class Stand:
    """A schedule that tells in one log what was asked of it."""

    name: str
    log: list[str]
    on: bool | None
    is_running: bool = True
    runs: list[tuple[str, ...]] = field(default_factory=list)
    broken: str = ""

    def scheduled(self) -> bool | None:
        return self.on

    def schedule(self, *, on: bool) -> None:
        word = f"{self.name} {'on' if on else 'off'}"
        if word == self.broken:
            raise ServiceError(f"{word}: it refuses")
        self.log.append(word)
        self.on = on

    def active_runs(self) -> tuple[str, ...]:
        """What runs now; each look is the last one's when there is no more."""
        return self.runs.pop(0) if self.runs else ()


@dataclass
class Scene:
    """A pipeline that Airflow runs, and Dagster could."""

    move: Move
    sides: dict[str, Stand]
    log: list[str]

    @property
    def ons(self) -> dict[str, bool | None]:
        return {name: side.on for name, side in self.sides.items()}

    def to_dagster(self, *steps: str, after: int = 0) -> schedule_ownership.Owners:
        return cut_over(self.move, AIRFLOW, DAGSTER, after, steps)

    def die(self, action: str, *turned: str) -> None:
        """Leaves what a command leaves that was killed after some calls."""
        seen, gone = self.move.read(), subprocess.Popen([sys.executable, "-c", ""])
        gone.wait()
        source, target = (AIRFLOW, DAGSTER) if action == "cutover" else (DAGSTER, AIRFLOW)
        was = [self.sides[party.name].on for party in (source, target)]
        about: dict[str, Any] = {"action": action, "at": schedule_ownership.now(), "streak": None, "was": was}
        parties = {"from": source.to_dict(), "to": target.to_dict()}
        by = {**asdict(Owner.here()), "pid": gone.pid}
        self.move.keep(replace(seen, pending={**about, **parties, "by": by}))
        for word in turned:
            name, _, how = word.partition(" ")
            self.sides[name].on = how == "on"


def scene_in(root: Path) -> Scene:
    log: list[str] = []
    sides = {"airflow": Stand("airflow", log, on=True), "dagster": Stand("dagster", log, on=False)}
    return Scene(Move(Objects(str(root)), bread, lambda party: sides[party.name]), sides, log)


def equal_days(
    scene: Scene, count: int, code: str | None = None, pair: str = "airflow-dagster", pipeline: Pipeline = bread
) -> None:
    for day in range(1, count + 1):
        date = f"2026-01-{day:02}"
        entry = {"date": date, "equal": True, "first": None, "digests": {"code": code or code_of(bread)}}
        entry["settings"] = setting_digests(pipeline)
        note(scene.move.objects, "bread", pair, entry)
