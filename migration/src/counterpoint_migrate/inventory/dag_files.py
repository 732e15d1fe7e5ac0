"""The files of a folder of DAGs as Airflow finds them: links are followed, each real folder is read once."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from counterpoint.errors import UsageError
from counterpoint_migrate.inventory.airflowignore import IgnoreRules
from counterpoint_migrate.inventory.inventory_model import Unresolved

if TYPE_CHECKING:
    from collections.abc import Callable

_LARGEST = 5_000_000
_SKIPPED = {"__pycache__", "node_modules", "site-packages"}
_PYTHON = (".py",)
_YAML = (".yaml", ".yml")
_OTHER = (".sql", ".hql", ".ddl", ".sh", ".bash", ".json")


@dataclass(slots=True)
class DagFiles:
    """The files of a folder by their paths below it; what `.airflowignore` excludes is `ignored`."""

    python: list[str] = field(default_factory=list)
    yaml: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)
    ignored: set[str] = field(default_factory=set)


def find_files(root: Path, note: Callable[[Unresolved], None]) -> DagFiles:
    """All files that matter below a folder; `note` is told what could not be read.

    Raises:
        UsageError: it is no folder, or cannot be read.
    """
    if not root.is_dir():
        raise UsageError(f"{root} is no folder: give one that holds Airflow DAG files")
    try:
        os.scandir(root).close()
    except OSError as error:
        raise UsageError(f"{root} cannot be read: {error.strerror}; run the command as a user who may") from error
    walk = _Walk(root, note)
    walk.folder(root, IgnoreRules())
    for names in (walk.files.python, walk.files.yaml, walk.files.other):
        names.sort()
    return walk.files


class _Walk:
    def __init__(self, root: Path, note: Callable[[Unresolved], None]) -> None:
        self.root, self.note = root, note
        self.files = DagFiles()
        self.read: dict[str, str] = {}  # real folders, with the path by which each was read first

    def folder(self, start: Path, rules: IgnoreRules) -> None:
        """Reads a folder and those below it: what lies there before what links lead to."""
        links: list[tuple[Path, IgnoreRules]] = []
        stack = [(start, rules)]
        while stack or links:
            path, above = stack.pop() if stack else links.pop(0)
            if self._seen(path):
                continue
            for inner, inner_rules in self._entries(path, above):
                (links if inner.is_symlink() else stack).append((inner, inner_rules))

    def _seen(self, path: Path) -> bool:
        real, inner = os.path.realpath(path), self._inner(path)
        first = self.read.setdefault(real, inner)
        if first == inner:
            return False
        loop = Path(real) in (parent.resolve() for parent in path.parents)
        kind = "leads back to" if loop else "is the same folder as"
        self._told(path, "link", f"it {kind} {first or '.'}, which is read once")
        return True

    def _entries(self, path: Path, above: IgnoreRules) -> list[tuple[Path, IgnoreRules]]:
        """Notes the files of a folder, and gives the folders in it."""
        try:
            entries = sorted(os.scandir(path), key=lambda entry: entry.name)
        except OSError as error:
            self._told(path, "unreadable", f"the folder cannot be read: {error.strerror}")
            return []
        rules = above.with_file(path, self._inner(path), self.note)
        folders: list[tuple[Path, IgnoreRules]] = []
        for entry in entries:
            inner = Path(entry.path)
            try:
                is_folder, is_file = entry.is_dir(), entry.is_file()
            except OSError as error:
                self._told(inner, "unreadable", f"it cannot be read: {error.strerror}")
                continue
            if is_folder:
                if not entry.name.startswith(".") and entry.name not in _SKIPPED:
                    folders.append((inner, rules))
            elif is_file:
                self._file(inner, rules)
            elif entry.is_symlink() and not entry.name.startswith("."):
                self._told(inner, "unreadable", f"the link leads nowhere: {os.readlink(inner)}")  # noqa: PTH115
        return folders[::-1]

    def _file(self, path: Path, rules: IgnoreRules) -> None:
        inner, name = self._inner(path), path.name.lower()
        if name.endswith(".zip"):
            self._told(path, "unreadable", "a packed DAG file: unpack it")
        if not name.endswith((*_PYTHON, *_YAML, *_OTHER)):
            return
        if path.stat().st_size > _LARGEST:
            self._told(path, "unreadable", "it has over 5 MB")
            return
        side = self.files.python if name.endswith(_PYTHON) else self.files.yaml if name.endswith(_YAML) else None
        (self.files.other if side is None else side).append(inner)
        if rules.ignores(inner, self.note):
            self.files.ignored.add(inner)

    def _inner(self, path: Path) -> str:
        inner = path.relative_to(self.root).as_posix()
        return "" if inner == "." else inner

    def _told(self, path: Path, kind: str, detail: str) -> None:
        self.note(Unresolved(f"{self._inner(path) or '.'}:1", kind, detail))
