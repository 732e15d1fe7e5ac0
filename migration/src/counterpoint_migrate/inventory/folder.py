"""Reads a folder of Airflow DAGs file by file by its syntax tree: nothing is imported, nothing runs."""

from __future__ import annotations

import ast
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory import calls, declared_deps, expressions, inferred_deps, subdags
from counterpoint_migrate.inventory.dag_files import find_files
from counterpoint_migrate.inventory.generated import read_generated
from counterpoint_migrate.inventory.inventory_model import Inventory, Unresolved
from counterpoint_migrate.inventory.state import Facts, Module, State, TooMuchError, names_of
from counterpoint_migrate.inventory.statements import execute, unfollowed
from counterpoint_migrate.inventory.task_files import TaskFiles

if TYPE_CHECKING:
    from counterpoint_migrate.inventory.inventory_model import Dag

_PYTHON_2 = re.compile(
    r"Missing parentheses in call to '(?:print|exec)'|multiple exception types must be parenthesized"
    r"|leading zeros in decimal integer|invalid decimal literal"
)
_OLD = re.compile(r"^\s*(?:print\s+[\"'\w]|except\s+[\w.]+\s*,\s*\w+\s*:|raise\s+\w+\s*,)|<>|\bur['\"]", re.MULTILINE)
_NEW = re.compile(r"^\s*(?:type\s+\w+.*=|(?:class|def|async def)\s+\w+\[)", re.MULTILINE)


def inventory(folder: Path | str) -> Inventory:
    """What a folder of Airflow DAGs of any age holds, from its source alone.

    Raises:
        UsageError: it is no folder, or cannot be read.
    """
    reader = _Reader(Path(folder))
    reader.read()
    facts = reader.facts
    for task in facts.loose:
        facts.unresolved.add(Unresolved(task.place, "no_dag", f"task {task.id} is in no DAG that can be seen"))
    dags = sorted(facts.dags, key=_order)
    _of_files(dags, reader.modules)
    _doubles(dags, facts)
    _empty(dags, facts)
    _number(dags)
    subdags.tie(dags)
    TaskFiles(facts.root, reader.found.other, facts.note).read(dags)
    declared = declared_deps.declared(dags, facts.note)
    probable, groups = inferred_deps.probable(dags, declared)
    unresolved, concerns = sorted(facts.unresolved), _concerns(facts)
    return Inventory(str(folder), reader.files, dags, declared + probable, facts.plugins, unresolved, groups, concerns)


def _number(dags: list[Dag]) -> None:
    """Tells those apart whose ids are not known and that stand at one place."""
    counts: dict[tuple[str, str], int] = {}
    for dag in dags:
        dag.number = counts.get((dag.id, dag.place), 0)
        counts[dag.id, dag.place] = dag.number + 1


def _concerns(facts: Facts) -> dict[Unresolved, frozenset[str]]:
    """The DAGs that each entry is about; what was found outside of any may be about all of its file."""
    return {
        entry: frozenset(dag.key for dag in dags if dag is not None)
        for entry, dags in facts.concerns.items()
        if None not in dags
    }


def _empty(dags: list[Dag], facts: Facts) -> None:
    """DAGs that something stands in, none of which is seen to make a task."""
    told: dict[str, list[str]] = {}
    for entry in facts.unresolved:
        if entry.kind in {"out_of_sight", "dag_factory"}:
            told.setdefault(entry.place.rpartition(":")[0], []).append(entry.detail)
    for dag in dags:
        details = (*told.get(dag.file, ()), *told.get(dag.source, ()))
        if dag.entered and not dag.tasks and not any(f"DAG {dag.id}" in detail for detail in details):
            detail = f"no task of DAG {dag.id} was found: what it does is not known"
            facts.note(Unresolved(dag.place, "no_tasks", detail), dag)


def _doubles(dags: list[Dag], facts: Facts) -> None:
    """DAGs that Airflow cannot tell apart."""
    by_id: dict[str, list[Dag]] = {}
    for dag in dags:
        if dag.literal and dag.condition is None and dag.loop is None:
            by_id.setdefault(dag.id, []).append(dag)
    for name, doubles in by_id.items():
        places = sorted({dag.called_from or dag.place for dag in doubles})
        if len(doubles) > 1:
            detail = f"DAG {name} is made {len(doubles)} times, at {', '.join(places)}: Airflow shows one of them"
            for dag in doubles:
                facts.note(Unresolved(dag.place, "duplicate_id", detail), dag)


def _order(dag: Any) -> tuple[str, int, str]:
    return dag.file, int(dag.place.rpartition(":")[2]), dag.id


def _of_files(dags: list[Any], modules: dict[str, Module]) -> None:
    """What a file uses outside of any DAG is used by each of its DAGs."""
    for dag in dags:
        for path in {dag.file, dag.source}:
            uses = modules[path].uses
            dag.uses.variables |= uses.variables
            dag.uses.connections |= uses.connections


class _Reader:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.facts = Facts()
        self.modules: dict[str, Module] = {}
        self.files: list[dict[str, Any]] = []
        self.facts.root = root
        self.found = find_files(root, self.facts.note)
        self.known = frozenset(self.found.python)
        self.paths = [path for path in self.found.python if path not in self.found.ignored]

    def read(self) -> None:
        for path in self.paths:
            self.module(path)
        for path in self.paths:  # when all are read it is known which functions nobody calls
            self._rest(self.modules[path])
        read_generated(self.root, self.found, self.facts, dict(self.modules), self._state_of)
        made: dict[str, int] = {}
        ignored = self.found.ignored
        for dag in self.facts.dags:
            made[dag.source] = made.get(dag.source, 0) + 1
        read = {path for path, module in self.modules.items() if module.tree is not None} | made.keys()
        self.files = [
            {"path": path, "read": path in read, "dags": made.get(path, 0)}
            | ({"ignored": True} if path in ignored else {})
            for path in sorted({*self.found.python, *made})
        ]

    def module(self, path: str) -> Module:
        """The module of a file, read when it is first asked for."""
        if path in self.modules:
            return self.modules[path]
        module = self.modules[path] = Module(path)
        tree = module.tree = self._tree(path)
        if tree is not None:
            state = self._state(module)
            with self.facts.heap.module(names_of(module), module.changes):
                self._guarded(state, lambda: execute(state, tree.body))
        return module

    def _rest(self, module: Module) -> None:
        tree = module.tree
        if tree is not None:
            state = self._state(module)
            with self.facts.heap.undone():
                self._guarded(state, lambda: unfollowed(state, tree))

    def _state_of(self, path: str) -> State:
        """The state for a file that is not Python."""
        return self._state(self.modules.setdefault(path, Module(path)))

    def _state(self, module: Module) -> State:
        return State(self.facts, module, module.scope, execute, self._load, calls.called, expressions.evaluate, module)

    def _guarded(self, state: State, read: Any) -> None:
        path = state.module.path
        try:
            read()
        except TooMuchError:
            detail = "its loops and calls are too many to follow: what comes after is not read"
            self.facts.unresolved.add(Unresolved(f"{path}:1", "too_much", detail))
        except RecursionError:
            self.facts.unresolved.add(Unresolved(f"{path}:1", "too_much", "it is nested too deep to be followed"))

    def _load(self, state: State, name: str) -> Module | None:
        """The module of the folder that an import means, as seen from the file that is read."""
        module = self._find(name, state.module.path)
        if module is not None:
            for container in module.changes:  # by reading that module
                self.facts.heap.doubt(container, ast.Name(id=f"what {module.path} changes"))
        return module

    def _find(self, name: str, origin: str) -> Module | None:
        for stem in _stems(name, origin, self.root.resolve().name):
            for path in (f"{stem.as_posix()}.py", (stem / "__init__.py").as_posix()):
                if path in self.known and path != origin:
                    return self.module(path)
        return None

    def _tree(self, path: str) -> ast.Module | None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse((self.root / path).read_bytes())
        except SyntaxError as error:
            self._broken(path, error)
        except (OSError, ValueError, MemoryError, RecursionError) as error:
            detail = f"it cannot be read: {str(error) or type(error).__name__}"
            self.facts.unresolved.add(Unresolved(f"{path}:1", "unreadable", detail))
        return None

    def _broken(self, path: str, error: SyntaxError) -> None:
        text = (self.root / path).read_text(encoding="utf-8", errors="replace")
        line = text.splitlines()[(error.lineno or 1) - 1 :][:1]
        place = f"{path}:{error.lineno or 1}"
        if _PYTHON_2.match(error.msg) or (line and _OLD.search(line[0])):
            entry = Unresolved(place, "python2", f"it is written for Python 2: {error.msg}")
        elif line and _NEW.search(line[0]):
            entry = Unresolved(place, "newer_python", f"it is written for a newer Python: {error.msg}")
        else:
            entry = Unresolved(place, "syntax", error.msg)
        self.facts.unresolved.add(entry)


def _stems(name: str, origin: str, root: str) -> list[Path]:
    """Where a module may lie: beside the file, below the folder, or below the folder by its own name."""
    inner = name.lstrip(".")
    parts = [part for part in inner.split(".") if part]
    here = Path(origin).parent
    if dots := len(name) - len(inner):
        up = max(0, len(here.parts) - dots + 1)
        return [Path(*here.parts[:up], *parts)]
    if parts[:1] == ["airflow"]:
        return []
    named = [Path(*parts[1:])] if parts[:1] == [root] else []
    above = [folder.joinpath(*parts) for folder in here.parents]  # one of them is the folder of DAGs
    return [Path(*parts), here.joinpath(*parts), *named, *above]
