"""What an inventory holds: DAGs, their tasks, what they use, what hangs together, what could not be known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from counterpoint_migrate.inventory.values import plain, text_of
from counterpoint_migrate.inventory.zones import Zone, zone_of


@dataclass(frozen=True, slots=True, order=True)
class Unresolved:
    """Something that the source alone does not tell, with its place (file:line)."""

    place: str
    kind: str
    detail: str

    def to_dict(self) -> dict[str, Any]:
        """As a JSON value."""
        return {"kind": self.kind, "place": self.place, "detail": self.detail}


@dataclass(frozen=True, slots=True)
class Dependency:
    """One DAG that comes before another; `kind` says how that is known, `confidence` how well."""

    upstream: str
    downstream: str
    kind: str
    confidence: str
    place: str
    detail: str
    outside: bool = False
    offset_seconds: float | None = None  # by how much the logical date of the upstream run is earlier
    offset: str | None = None  # how the source says which run is waited for, where it is not the same logical date

    def to_dict(self) -> dict[str, Any]:
        """As a JSON value."""
        same = ("upstream", "downstream", "kind", "confidence", "place", "detail", "outside")
        offset = _said(offset_seconds=self.offset_seconds, offset=self.offset)
        return {**{name: getattr(self, name) for name in same}, **offset}


def _said(**fields: Any) -> dict[str, Any]:
    """The fields that say something."""
    return {name: value for name, value in fields.items() if value not in (None, [])}


@dataclass(frozen=True, slots=True)
class ClockGroup:
    """DAGs of which any may wait for any other by the clock, so that no single pair is worth a guess."""

    upstreams: tuple[str, ...]
    downstreams: tuple[str, ...]
    detail: str

    def to_dict(self) -> dict[str, Any]:
        """As a JSON value."""
        return {
            "upstreams": list(self.upstreams),
            "downstreams": list(self.downstreams),
            "confidence": "low",
            "detail": self.detail,
        }


@dataclass(slots=True)
class Uses:
    """What code or arguments use: variables, connections, XCom, templates, and paths or tables."""

    variables: set[str] = field(default_factory=set)
    connections: set[str] = field(default_factory=set)
    xcom: list[dict[str, Any]] = field(default_factory=list)
    templates: dict[str, str] = field(default_factory=dict)
    reads: set[str] = field(default_factory=set)
    writes: set[str] = field(default_factory=set)
    mentions: set[str] = field(default_factory=set)
    files: dict[str, str] = field(default_factory=dict)  # the text of each file that it names
    variables_set: set[str] = field(default_factory=set)  # those of the variables that are written
    triggers: dict[str, str] = field(default_factory=dict)  # DAGs that code starts, with the place where it does
    pulls: dict[str, str] = field(default_factory=dict)  # DAGs whose XCom is pulled, likewise

    def add_xcom(self, how: str, detail: str) -> None:
        """Notes a use of XCom, once."""
        entry = {"how": how, "detail": detail}
        if entry not in self.xcom:
            self.xcom.append(entry)

    def to_dict(self) -> dict[str, Any]:
        """As a JSON value."""
        return {
            "variables": sorted(self.variables),
            "connections": sorted(self.connections),
            "xcom": self.xcom,
            "templates": self.templates,
            "reads": sorted(self.reads),
            "writes": sorted(self.writes),
            "mentions": sorted(self.mentions - self.reads - self.writes),
            **_said(files=sorted(self.files), variables_set=sorted(self.variables_set)),
        }


@dataclass(eq=False, slots=True)
class Group:
    """A task group; an edge to or from it is one to its first or from its last tasks."""

    prefix: str
    tasks: list[Task] = field(default_factory=list)
    defaults: dict[str, Any] = field(default_factory=dict)  # its default_args
    hidden: bool = False  # its tasks are made out of sight
    around: list[Group] = field(default_factory=list)  # the groups that it stands in, outermost first


@dataclass(eq=False, slots=True)
class Task:
    """A task: an operator with its arguments, or a decorated function that was called."""

    id: str
    literal: bool
    operator: str
    module: str
    place: str
    kind: str
    arguments: dict[str, Any]
    mapped: bool = False
    settings: dict[str, Any] = field(default_factory=dict)
    callable: str | None = None
    loop: str | None = None
    condition: str | None = None
    outlets: list[str] = field(default_factory=list)
    inlets: list[str] = field(default_factory=list)
    uses: Uses = field(default_factory=Uses)
    dag: Dag | None = None
    code: Any = None  # the function that it calls, where it is one of the folder

    def to_dict(self) -> dict[str, Any]:
        """As a JSON value."""
        same = ("id", "literal", "operator", "module", "place", "kind", "mapped", "callable", "loop", "condition")
        return {
            **{name: getattr(self, name) for name in same},
            "settings": {name: plain(value) for name, value in self.settings.items()},
            "outlets": self.outlets,
            "inlets": self.inlets,
            **self.uses.to_dict(),
        }


@dataclass(eq=False, slots=True)
class Dag:
    """A DAG; `id` is the expression of its id where `literal` is false."""

    id: str
    literal: bool
    place: str
    style: str
    schedule: dict[str, Any]
    settings: dict[str, Any]
    defaults: dict[str, Any]
    loop: str | None = None
    condition: str | None = None
    tasks: list[Task] = field(default_factory=list)
    links: list[tuple[Task | Group, Task | Group]] = field(default_factory=list)
    uses: Uses = field(default_factory=Uses)
    called_from: str | None = None  # where the file that is read calls the function that makes it
    source: str = ""  # the file that is read
    conditional: set[tuple[Task | Group, Task | Group]] = field(default_factory=set)  # links that may not be made
    near: dict[tuple[Task | Group, bool], list[Task | Group]] = field(default_factory=dict)
    known_links: set[tuple[Task | Group, Task | Group]] = field(default_factory=set)
    entered: bool = False  # whether code that may make tasks stands in it
    taken: dict[str, Any] = field(default_factory=dict)  # how often an id of a task was given
    timetable: Any = None  # the value of its schedule
    parent: str | None = None  # the key of the DAG whose SubDagOperator runs it
    number: int = 0  # among those of the same id expression and place

    @property
    def key(self) -> str:
        """What tells it from all others: its id, or where that is not known its place, too."""
        if self.literal:
            return self.id
        return f"{self.id} ({self.place})" + (f" #{self.number + 1}" if self.number else "")

    @property
    def zone(self) -> Zone:
        """The time zone in which its schedule is meant."""
        return zone_of(self.timetable, self.settings.get("start_date"))

    @property
    def file(self) -> str:
        """The file that it was found in."""
        return self.place.rpartition(":")[0]

    @property
    def tasks_known(self) -> bool:
        """Whether any task of it was found: a DAG of which none is seen does what is not known, and not nothing."""
        return bool(self.tasks)

    def link(self, ends: tuple[Task | Group, Task | Group], *, certain: bool) -> None:
        """Notes an edge, once."""
        if ends not in self.known_links:
            self.known_links.add(ends)
            self.links.append(ends)
            self.near.setdefault((ends[0], True), []).append(ends[1])
            self.near.setdefault((ends[1], False), []).append(ends[0])
            if not certain:
                self.conditional.add(ends)
        elif certain:
            self.conditional.discard(ends)

    @property
    def owners(self) -> list[str]:
        """Who owns it, by its own arguments and by those of its tasks."""
        given = [self.defaults.get("owner"), *(task.settings.get("owner") for task in self.tasks)]
        return sorted({owner if isinstance(owner, str) else text_of(owner) for owner in given if owner is not None})

    @property
    def known_owners(self) -> set[str]:
        """The owners that are constants, without `airflow`, the default."""
        given = [self.defaults.get("owner"), *(task.settings.get("owner") for task in self.tasks)]
        return {owner for owner in given if isinstance(owner, str)} - {"airflow"}

    def edges(self) -> list[tuple[str, str]]:
        """Pairs of the ids of tasks that follow each other directly, in the order of the source."""
        followed = {(a, b) for a, b in self.links if isinstance(a, Task) and isinstance(b, Task)}
        before, after = {b for _, b in followed}, {a for a, _ in followed}
        found: dict[tuple[str, str], None] = {}
        for left, right in self.links:
            ends = [left] if isinstance(left, Task) else _edge_of(left, {a for a in after if _inner(a, left, followed)})
            begins = [right] if isinstance(right, Task) else _edge_of(right, before & set(right.tasks))
            found |= {(a.id, b.id): None for a in ends for b in begins}
        return list(found)

    def neighbours(self, task: Task, *, down: bool) -> list[Task | Group]:
        """What is linked after (or before) a task."""
        return self.near.get((task, down), [])

    def certain(self, one: Task, other: Task | Group) -> bool:
        """Whether a link between two is certainly made, in whichever direction it is."""
        ends = [pair for pair in ((one, other), (other, one)) if pair in self.known_links]
        made = [task for task in (one, other) if isinstance(task, Task) and not (task.loop or task.condition)]
        return len(made) == 2 and not self.conditional.intersection(ends)  # noqa: PLR2004 - both of them

    def conditional_edges(self) -> list[tuple[str, str]]:
        """Those of the edges that are made only under a condition, or in a loop over what is not known."""
        ends = [(_ids(left), _ids(right)) for left, right in self.links if (left, right) in self.conditional]
        pairs = {(a, b) for before, after in ends for a in before for b in after}
        return [edge for edge in self.edges() if edge in pairs]

    def to_dict(self) -> dict[str, Any]:
        """As a JSON value."""
        same = ("id", "literal", "place", "style", "schedule", "owners", "loop", "condition")
        return {
            **{name: getattr(self, name) for name in same},
            **_said(key=None if self.literal else self.key, parent=self.parent, time_zone=self.zone.shown),
            "settings": {name: plain(value) for name, value in self.settings.items()},
            "tasks": [task.to_dict() for task in self.tasks],
            "edges": [list(edge) for edge in self.edges()],
            **self.uses.to_dict(),
            **_said(
                called_from=self.called_from,
                tasks_known=None if self.tasks_known else False,
                conditional_edges=[list(edge) for edge in self.conditional_edges()],
            ),
        }


def _ids(side: Task | Group) -> list[str]:
    return [side.id] if isinstance(side, Task) else [task.id for task in side.tasks]


def _inner(task: Task, group: Group, followed: set[tuple[Any, Any]]) -> bool:
    return any(a is task and b in group.tasks for a, b in followed)


def _edge_of(group: Group, inner: set[Task]) -> list[Task]:
    return [task for task in group.tasks if task not in inner]


@dataclass(frozen=True, slots=True)
class Inventory:
    """All that was found in a folder."""

    folder: str
    files: list[dict[str, Any]]
    dags: list[Dag]
    dependencies: list[Dependency]
    plugins: list[dict[str, str]]
    unresolved: list[Unresolved]
    clock_groups: list[ClockGroup] = field(default_factory=list)
    concerns: dict[Unresolved, frozenset[str]] = field(
        default_factory=dict
    )  # the DAGs that an entry is about, if known

    def to_dict(self) -> dict[str, Any]:
        """The JSON document of the command."""
        return {
            "folder": self.folder,
            "files": self.files,
            "dags": [dag.to_dict() for dag in self.dags],
            "dependencies": [dependency.to_dict() for dependency in self.dependencies],
            "plugins": self.plugins,
            "unresolved": [entry.to_dict() for entry in self.unresolved],
            "clock_groups": [group.to_dict() for group in self.clock_groups],
        }
