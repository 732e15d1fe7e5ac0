"""What a plan holds: DAGs with their scores and needs, cycles, waves, bridges."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from counterpoint_migrate.inventory.inventory_model import ClockGroup, Dependency, Unresolved

# how much a dependency counts
WEIGHT = {"certain": 1.0, "high": 0.8, "medium": 0.5, "low": 0.2}
# from this on DAGs that wait for each other move at once
BINDING = 0.5
TO_DAGSTER, TO_AIRFLOW = "airflow_to_dagster", "dagster_to_airflow"


def is_evidence(dependency: Dependency) -> bool:
    """Whether it is a mere guess by the clock: a question to the owners, which binds and orders nothing."""
    return dependency.kind == "clock" and dependency.confidence == "low"


def in_file_order(place: str) -> tuple[str, int]:
    """Sorts places by file and line."""
    file, _, line = place.rpartition(":")
    return file, int(line) if line.isdecimal() else 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is (file:line), and what it is there."""

    place: str
    detail: str


@dataclass(frozen=True, slots=True)
class Need:
    """Something that Dagster does otherwise, what stands in for it, and where it is used; `effort` is in points."""

    name: str
    title: str
    in_dagster: str
    source: str
    effort: int
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Stranger:
    """An operator without a known counterpart."""

    operator: str
    module: str
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a score, in 0..1, with the facts that it was made of."""

    value: float
    facts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """How well a DAG goes early: 1 is best; the parts as they are, so that high risk is a high number."""

    score: float
    value: Part
    complexity: Part
    risk: Part
    coupling: Part


@dataclass(frozen=True, slots=True)
class RunHistory:
    """When a DAG ran last (ISO 8601; None: never), and how long a run takes in the median of the last ones."""

    last: str | None
    median_seconds: float | None

    def to_dict(self) -> dict[str, Any]:
        """As a JSON value."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Move:
    """One DAG of the plan, with its SubDAGs; several that share an id are one.

    What is offered for retirement is in no wave: its number is 0.
    """

    id: str
    places: tuple[str, ...]
    owners: tuple[str, ...]
    tasks: int
    wave: int
    score: Score
    needs: tuple[Need, ...]
    strangers: tuple[Stranger, ...]
    unresolved: tuple[Unresolved, ...]
    sub_dags: tuple[str, ...] = ()
    retire: str | None = None  # why it is better retired than moved
    runs: RunHistory | None = None

    def to_dict(self) -> dict[str, Any]:
        """As a JSON value."""
        kept = {name: getattr(self, name) for name in ("id", "places", "owners", "tasks", "wave")}
        kept |= {"sub_dags": list(self.sub_dags), "retire": self.retire}
        kept["runs"] = None if self.runs is None else self.runs.to_dict()
        return {
            **kept,
            "score": asdict(self.score),
            "needs": [asdict(need) for need in self.needs],
            "operators_without_counterpart": [asdict(one) for one in self.strangers],
            "unresolved": [entry.to_dict() for entry in self.unresolved],
        }


@dataclass(frozen=True, slots=True)
class Cycle:
    """DAGs that wait for each other.

    `certain`: also by the declared dependencies alone; `binding`: they move at once, for no guess of low confidence is
    needed to close it.
    """

    name: str
    dags: tuple[str, ...]
    certain: bool
    binding: bool
    dependencies: tuple[Dependency, ...]

    def to_dict(self) -> dict[str, Any]:
        """As a JSON value."""
        same = {name: getattr(self, name) for name in ("name", "dags", "certain", "binding")}
        return {**same, "dependencies": [one.to_dict() for one in self.dependencies]}


@dataclass(frozen=True, slots=True)
class Bridge:
    """A dependency that crosses from one orchestrator to the other, after wave `begins` and until wave `ends` moves.

    `ends` is None where the other side is not in the folder: it stays until that one moves.
    """

    number: int
    dependency: Dependency
    direction: str
    begins: int
    ends: int | None
    means: str

    def stands_after(self, wave: int) -> bool:
        """Whether it is needed when a wave has moved, and the next has not."""
        return self.begins <= wave and (self.ends is None or wave < self.ends)

    def to_dict(self) -> dict[str, Any]:
        """As a JSON value."""
        same = {name: getattr(self, name) for name in ("number", "direction", "begins", "ends", "means")}
        return {**same, "dependency": self.dependency.to_dict()}


@dataclass(frozen=True, slots=True)
class Wave:
    """What moves at once: DAGs in the order in which they are switched, whom to ask, what to watch."""

    number: int
    dags: tuple[str, ...]
    tasks: int
    owners: tuple[str, ...]
    builds: tuple[int, ...]
    removes: tuple[int, ...]
    stand: tuple[int, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """An order in which a folder of DAGs moves."""

    folder: str
    settings: Mapping[str, Any]
    waves: Sequence[Wave]
    dags: Sequence[Move]
    cycles: Sequence[Cycle]
    bridges: Sequence[Bridge]
    to_confirm: Sequence[Dependency]
    plugins: Sequence[Mapping[str, str]]
    unresolved: Sequence[Unresolved]
    clock_groups: Sequence[ClockGroup] = ()

    def move(self, dag: str) -> Move:
        """The move of a DAG."""
        return next(move for move in self.dags if move.id == dag)

    def to_dict(self) -> dict[str, Any]:
        """The JSON document of the command."""
        return {
            "folder": self.folder,
            "settings": self.settings,
            "waves": [asdict(wave) for wave in self.waves],
            "dags": [move.to_dict() for move in self.dags],
            "cycles": [cycle.to_dict() for cycle in self.cycles],
            "bridges": [bridge.to_dict() for bridge in self.bridges],
            "clock_groups": [group.to_dict() for group in self.clock_groups],
            "to_confirm": [dependency.to_dict() for dependency in self.to_confirm],
            "plugins": self.plugins,
            "unresolved": [entry.to_dict() for entry in self.unresolved],
        }
