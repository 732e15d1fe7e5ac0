"""The files of SQL and shell that tasks name: their texts are read as if they stood in the argument."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory import code_links, paths, uses
from counterpoint_migrate.inventory.inventory_model import Unresolved
from counterpoint_migrate.inventory.values import inside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from counterpoint_migrate.inventory.inventory_model import Dag, Task

_SQL = (".sql", ".hql", ".ddl")
_FILE = re.compile(r"[^\s{};'\"]+\.(?:sql|hql|ddl|sh|bash)", re.IGNORECASE)
_PROSE = {"doc", "doc_md", "doc_rst", "description", "task_id", "**base"}
_NAMING = re.compile(r"sql|hql|query|queries|bash_command|script|statement")


class TaskFiles:
    """Finds the files that tasks name among those of the folder, and notes what stands in them."""

    def __init__(self, root: Path, files: Iterable[str], note: Callable[[Unresolved, Dag], None]) -> None:
        self.root, self.note = root, note
        self.files = set(files)
        self.by_name: dict[str, list[str]] = {}
        for path in sorted(self.files):
            self.by_name.setdefault(posixpath.basename(path), []).append(path)
        self.texts: dict[str, str | None] = {}

    def read(self, dags: Iterable[Dag]) -> None:
        """Reads the files of all tasks."""
        for dag in dags:
            for task in dag.tasks:
                for name in _named(task):
                    self._file(dag, task, name)

    def _file(self, dag: Dag, task: Task, name: str) -> None:
        matches = self._candidates(dag, task, name)
        if len(matches) != 1:
            where = "is not in this folder" if not matches else f"may be one of {', '.join(matches)}"
            self.note(Unresolved(task.place, "sql_file", f"the file {name} of task {task.id} {where}"), dag)
            return
        text = self._text(matches[0])
        if text is None:
            detail = f"the file {matches[0]} of task {task.id} cannot be read"
            self.note(Unresolved(task.place, "sql_file", detail), dag)
            return
        task.uses.files[matches[0]] = text
        uses.of_template(task.uses, text, task.place)
        if matches[0].lower().endswith(_SQL):
            paths.note_sql(task.uses, text)
        else:
            code_links.of_command(task.uses, text, task.place)

    def _candidates(self, dag: Dag, task: Task, name: str) -> list[str]:
        """The files that a name may mean: beside the DAG or below a search path, else by the end of its path."""
        folders = [*_search_paths(dag), posixpath.dirname(dag.file), posixpath.dirname(task.place), ""]
        for folder in folders:
            path = posixpath.normpath(posixpath.join(folder, name))
            if path in self.files:
                return [path]
        parts = [part for part in posixpath.normpath(name).split("/") if part not in {"", ".."}]
        alike = self.by_name.get(parts[-1], []) if parts else []
        return _closest(parts, alike)

    def _text(self, path: str) -> str | None:
        if path not in self.texts:
            try:
                self.texts[path] = (self.root / path).read_text(encoding="utf-8", errors="replace")
            except OSError:
                self.texts[path] = None
        return self.texts[path]


def _closest(parts: Sequence[str], alike: Sequence[str]) -> list[str]:
    """Of files of one name those that share most of the last folders with a path."""
    shared = {path: _shared(parts, path.split("/")) for path in alike}
    most = max(shared.values(), default=0)
    return [path for path, count in shared.items() if count == most]


def _shared(parts: Sequence[str], others: Sequence[str]) -> int:
    pairs = zip(reversed(parts), reversed(others), strict=False)
    return next((count for count, (one, other) in enumerate(pairs) if one != other), min(len(parts), len(others)))


def _search_paths(dag: Dag) -> Iterator[str]:
    """The folders of `template_searchpath`, as they may lie below the folder that is read."""
    for text in inside(dag.settings.get("template_searchpath")):
        if isinstance(text, str):
            parts = [part for part in text.split("/") if part not in {"", "."}]
            yield from ("/".join(parts[start:]) for start in range(len(parts)))


def _named(task: Task) -> Iterator[str]:
    """The names of files in the arguments of a task, each once."""
    seen: set[str] = set()
    for argument, value in task.arguments.items():
        if argument in _PROSE or _NAMING.search(argument) is None:
            continue
        for text in _texts(value):
            name = text.strip()
            if _FILE.fullmatch(name) and "://" not in name and name not in seen:
                seen.add(name)
                yield name


def _texts(value: Any) -> Iterator[str]:
    return (text for text in inside(value) if isinstance(text, str))
