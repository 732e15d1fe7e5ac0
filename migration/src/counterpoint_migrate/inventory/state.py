"""Where the reading of a folder stands: file, names, the DAG and group around, the task whose code it is."""

from __future__ import annotations

import builtins
from collections import ChainMap
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory.inventory_model import Dag, Group, Task, Unresolved, Uses
from counterpoint_migrate.inventory.values import Ref, Unknown

if TYPE_CHECKING:
    import ast
    from collections.abc import Callable, Iterator, Sequence

_MOST_STEPS = 200_000  # expressions of one file, loops unrolled


class TooMuchError(Exception):
    """A file whose loops and calls are too many to be followed."""


@dataclass(eq=False, slots=True)
class Module:
    """A file of the folder: its path in it, the names that it binds, and what it uses outside of DAGs."""

    path: str
    scope: ChainMap[str, Any] = field(default_factory=ChainMap)
    stars: list[str] = field(default_factory=list)
    uses: Uses = field(default_factory=Uses)
    tree: ast.Module | None = None


@dataclass(slots=True)
class Facts:
    """What was found so far in all files."""

    dags: list[Dag] = field(default_factory=list)
    loose: list[Task] = field(default_factory=list)
    plugins: list[dict[str, str]] = field(default_factory=list)
    unresolved: set[Unresolved] = field(default_factory=set)
    followed: set[ast.AST] = field(default_factory=set)  # the functions that were called
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
    execute: Callable[[State, Sequence[ast.stmt]], bool]
    load: Callable[[str, str], Module | None]  # the module of a name, as seen from a file
    dags: list[Dag] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    user: Uses | None = None  # that of the task whose code is read
    loops: list[str] = field(default_factory=list)
    conditions: list[str] = field(default_factory=list)
    calls: list[ast.AST] = field(default_factory=list)
    returned: list[Any] = field(default_factory=list)
    steps: int = 0

    def step(self) -> None:
        """Counts one more expression.

        Raises:
            TooMuchError: they are too many.
        """
        self.steps += 1
        if self.steps > _MOST_STEPS:
            raise TooMuchError

    def place(self, node: ast.AST) -> str:
        """File and line."""
        return f"{self.module.path}:{getattr(node, 'lineno', 1)}"

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
            return self.scope[node.id]
        if node.id == "__file__":
            return self.module.path
        if hasattr(builtins, node.id):
            return Ref(f"builtins.{node.id}")
        return Ref(f"{self.module.stars[-1]}.{node.id}") if self.module.stars else Unknown(node)

    @contextmanager
    def within(self, module: Module, scope: ChainMap[str, Any], node: ast.AST) -> Iterator[None]:
        """Reads the body of a function where it stands."""
        before = self.module, self.scope
        self.module, self.scope = module, scope
        self.calls.append(node)
        self.returned.append(None)
        try:
            yield
        finally:
            self.module, self.scope = before
            self.calls.pop()
            self.returned.pop()

    @contextmanager
    def around(self, value: Any) -> Iterator[None]:
        """Inside a DAG or a task group; anything else changes nothing."""
        stack: list[Any] = self.dags if isinstance(value, Dag) else self.groups if isinstance(value, Group) else []
        stack.append(value)
        try:
            yield
        finally:
            stack.pop()

    @contextmanager
    def using(self, uses: Uses) -> Iterator[None]:
        """Inside the code of a task."""
        before, self.user = self.user, uses
        try:
            yield
        finally:
            self.user = before
