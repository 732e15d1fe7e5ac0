"""Where the reading of a folder stands: file, names, the DAG and group around, the task whose code it is."""

from __future__ import annotations

import builtins
from collections import ChainMap
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory.heap import Heap
from counterpoint_migrate.inventory.inventory_model import Dag, Group, Task, Unresolved, Uses
from counterpoint_migrate.inventory.values import Func, Instance, Ref, Unknown, present

if TYPE_CHECKING:
    import ast
    from collections.abc import Callable, Iterator, Sequence

    from counterpoint_migrate.inventory.flow import Flow

_MOST_STEPS = 200_000  # expressions of one file, loops unrolled


class TooMuchError(Exception):
    """A file whose loops and calls are too many to be followed."""


def _names(scope: ChainMap[str, Any], number: int) -> dict[str, Any]:
    names = scope.maps[number]
    return names if isinstance(names, dict) else dict(names)


@dataclass(eq=False, slots=True)
class Module:
    """A file of the folder: its path in it, the names that it binds, and what it uses outside of DAGs."""

    path: str
    scope: ChainMap[str, Any] = field(default_factory=ChainMap)
    stars: list[str] = field(default_factory=list)
    uses: Uses = field(default_factory=Uses)
    tree: ast.Module | None = None
    changes: list[Any] = field(default_factory=list)  # containers of other files that reading it changes


def names_of(module: Module) -> dict[str, Any]:
    """The names that a module binds."""
    return _names(module.scope, 0)


@dataclass(slots=True)
class Facts:
    """What was found so far in all files."""

    dags: list[Dag] = field(default_factory=list)
    loose: dict[Task, None] = field(default_factory=dict)
    plugins: list[dict[str, str]] = field(default_factory=list)
    unresolved: set[Unresolved] = field(default_factory=set)
    followed: set[ast.AST] = field(default_factory=set)  # the functions that were called
    heap: Heap = field(default_factory=Heap)
    instances: dict[Any, Instance] = field(default_factory=dict)  # by the task or DAG that an object is
    concerns: dict[Unresolved, set[Dag | None]] = field(default_factory=dict)  # the DAGs in which each was found
    root: Path = field(default_factory=Path)  # the folder that is read

    def note(self, entry: Unresolved, dag: Dag | None = None) -> None:
        """Notes what is not known, of a DAG or of none in particular, once."""
        self.unresolved.add(entry)
        self.concerns.setdefault(entry, set()).add(dag)


@dataclass(eq=False, slots=True)
class State:
    """The state of reading one file; functions that it calls are followed into other files."""

    facts: Facts
    module: Module
    scope: ChainMap[str, Any]
    execute: Callable[[State, Sequence[ast.stmt]], Flow]
    load: Callable[[State, str], Module | None]  # the module of a name, as seen from the file that is read
    call: Callable[[State, Any, Sequence[Any], dict[str, Any], ast.AST], Any]
    evaluate: Callable[[State, ast.AST], Any]
    root: Module  # the file that is read, whichever file the code that is followed stands in
    dags: list[Dag] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    user: Uses | None = None  # that of the task whose code is read
    loops: list[str] = field(default_factory=list)
    conditions: list[str] = field(default_factory=list)
    calls: list[ast.AST] = field(default_factory=list)
    sites: list[str] = field(default_factory=list)  # where the functions that are followed were called
    returned: list[list[Any]] = field(default_factory=list)
    declared: list[dict[str, dict[str, Any]]] = field(default_factory=lambda: [{}])  # global and nonlocal names
    generators: list[bool] = field(default_factory=list)  # whether the functions that are followed yield
    tries: int = 0  # blocks around that catch what is raised
    arguments: int = 0  # calls around, an argument of which is evaluated
    steps: int = 0

    def step(self, cost: int = 1) -> None:
        """Counts one more expression, or what is worth several.

        Raises:
            TooMuchError: they are too many.
        """
        self.steps += cost
        if self.steps > _MOST_STEPS:
            raise TooMuchError

    @property
    def heap(self) -> Heap:
        """What remembers changes of containers."""
        return self.facts.heap

    def place(self, node: ast.AST) -> str:
        """File and line."""
        return f"{self.module.path}:{getattr(node, 'lineno', 1)}"

    @property
    def site(self) -> str | None:
        """Where the file that is read called what is followed now."""
        return self.sites[0] if self.sites else None

    @property
    def doubt(self) -> str | None:
        """Why what is made now may not be made: the condition or loop around."""
        if self.conditions:
            return self.conditions[-1]
        return f"the loop over {self.loops[-1]} comes to it" if self.loops else None

    @property
    def local(self) -> dict[str, Any]:
        """The names of the innermost scope."""
        return _names(self.scope, 0)

    def bind(self, name: str, value: Any) -> None:
        """Gives a name a value, where the function around means it to be."""
        scope = self.declared[-1].get(name, self.local)
        self.heap.touch(scope)
        scope[name] = value

    def declare(self, names: Sequence[str], *, everywhere: bool) -> None:
        """Notes names that a function declares as global or nonlocal."""
        for name in names:
            if everywhere:
                self.declared[-1][name] = _names(self.module.scope, 0)
            else:
                outer = (number for number in range(1, len(self.scope.maps)) if name in self.scope.maps[number])
                self.declared[-1][name] = _names(self.scope, next(outer, 0))

    @contextmanager
    def under(self, condition: str) -> Iterator[None]:
        """Inside code that runs only under a condition."""
        self.conditions.append(condition)
        try:
            yield
        finally:
            self.conditions.pop()

    def unresolved(self, kind: str, node: ast.AST, detail: str) -> None:
        """Notes what is not known, once."""
        self.facts.note(Unresolved(self.place(node), kind, detail), self.dag)

    @property
    def dag(self) -> Dag | None:
        """The DAG around."""
        return self.dags[-1] if self.dags else None

    @property
    def uses(self) -> Uses:
        """What notes are made to: the task whose code it is, or the DAG around, or the file."""
        return self.user or (self.dag.uses if self.dag else self.module.uses)

    def name(self, node: ast.Name) -> Any:
        """What a name stands for."""
        if node.id in self.scope:
            return present(self.scope[node.id])
        if node.id == "__file__":
            return self.module.path
        if hasattr(builtins, node.id):
            return Ref(f"builtins.{node.id}")
        return Ref(f"{self.module.stars[-1]}.{node.id}") if self.module.stars else Unknown(node)

    @contextmanager
    def within(self, func: Func, scope: ChainMap[str, Any], node: ast.AST) -> Iterator[None]:
        """Reads the body of a function where it stands; `node` is the call of it."""
        before = self.module, self.scope
        self.sites.append(self.place(node))
        self.module, self.scope = func.module, scope
        self.calls.append(func.node)
        self.returned.append([])
        self.declared.append({})
        self.generators.append(func.yields)
        try:
            yield
        finally:
            self.module, self.scope = before
            for stack in (self.sites, self.calls, self.returned, self.declared, self.generators):
                stack.pop()

    @contextmanager
    def around(self, value: Any) -> Iterator[None]:
        """Inside a DAG or a task group; anything else changes nothing."""
        stack: list[Any] = self.dags if isinstance(value, Dag) else self.groups if isinstance(value, Group) else []
        groups = self.groups
        if isinstance(value, Dag):
            self.groups = []  # a group belongs to the DAG that it stands in
        stack.append(value)
        try:
            yield
        finally:
            stack.pop()
            self.groups = groups

    @contextmanager
    def using(self, uses: Uses) -> Iterator[None]:
        """Inside the code of a task, which changes nothing of what the file makes when it is read."""
        before, self.user = self.user, uses
        try:
            with self.heap.undone():
                yield
        finally:
            self.user = before
