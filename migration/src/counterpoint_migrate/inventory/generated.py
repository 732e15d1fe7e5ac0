"""DAGs that no Python file spells out: dag-factory and gusty make them of the YAML files of the folder."""

from __future__ import annotations

import ast
import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from counterpoint_migrate.inventory.gusty_dags import gusty_folders, read_gusty
from counterpoint_migrate.inventory.inventory_model import Unresolved
from counterpoint_migrate.inventory.yaml_dags import defaults_above, factory_files, read_factory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from counterpoint_migrate.inventory.dag_files import DagFiles
    from counterpoint_migrate.inventory.state import Facts, Module, State

    StateOf = Callable[[str], State]

_LIBRARIES = {"dagfactory": "dagfactory", "dag_factory": "dagfactory", "gusty": "gusty"}
_LOADS_ALL = "load_yaml_dags"
_TOLD = {"dag_factory", "out_of_sight", "generated_dags"}
_YAML = (".yml", ".yaml")


@dataclass(frozen=True, slots=True)
class _Loader:
    """A Python file that calls one of the libraries, with the texts in it, which may name what is loaded."""

    path: str
    library: str
    texts: frozenset[str]
    loads_all: bool
    names: frozenset[str]  # what stands for the library or for what it made

    @property
    def yaml(self) -> list[str]:
        """The names of YAML files in it."""
        return [text for text in self.texts if text.endswith(_YAML)]

    def loads(self, path: str) -> bool:
        """Whether it makes DAGs of a file, as far as its texts tell."""
        names = [posixpath.basename(name) for name in self.yaml]
        if self.loads_all:
            suffixes = [name for name in names if name.startswith((".", "_"))]
            return not suffixes or path.endswith(tuple(suffixes))
        return not names or posixpath.basename(path) in names


def read_generated(root: Path, files: DagFiles, facts: Facts, modules: Mapping[str, Module], state_of: StateOf) -> None:
    """Notes the DAGs that the libraries make of the folder's files, and takes back that they are not known."""
    loaders = [loader for path, module in modules.items() if (loader := _loader(path, module)) is not None]
    ignored = files.ignored
    documents = factory_files(root, [path for path in files.yaml if path not in ignored], facts.note)
    factory = [loader for loader in loaders if loader.library == "dagfactory"]
    for path, document in documents.items():
        if not any(loader.loads(path) for loader in factory):
            detail = "it looks like DAGs of dag-factory, but no file of this folder loads it: it is not read"
            facts.note(Unresolved(f"{path}:1", "yaml", detail))
            continue
        read_factory(state_of(path), document, defaults_above(root, path))
    for loader in factory:
        names = {posixpath.basename(path) for path in documents if loader.loads(path)}
        wanted = {posixpath.basename(name) for name in loader.yaml if not name.startswith((".", "_"))}
        if names and wanted <= names and (wanted or loader.loads_all):
            _take_back(facts, loader)
    _gusty(root, files, facts, [loader for loader in loaders if loader.library == "gusty"], state_of)


def _gusty(root: Path, files: DagFiles, facts: Facts, loaders: Iterable[_Loader], state_of: StateOf) -> None:
    every = sorted({*files.python, *files.yaml, *files.other})
    named = {text for loader in loaders for text in loader.texts if "/" in text or text.isidentifier()}
    folders = gusty_folders(every, named)
    if not any(True for _ in loaders):
        metadata = [folder for folder in folders if folder]
        for folder in metadata:
            detail = "it looks like a DAG of gusty, but no file of this folder loads it: it is not read"
            facts.note(Unresolved(f"{folder}/METADATA.yml:1", "yaml", detail))
        return
    for folder in folders:
        inner = [path for path in every if path.startswith(f"{folder}/") and path not in files.ignored]
        texts = {path: text for path in inner if (text := _text(root / path)) is not None}
        read_gusty(state_of(next((path for path in inner if "METADATA" in path), inner[0])), folder, inner, texts)
    if folders:
        for loader in loaders:
            _take_back(facts, loader)


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None


def _loader(path: str, module: Module) -> _Loader | None:
    if module.tree is None:
        return None
    nodes = list(ast.walk(module.tree))
    imported = {
        name.partition(".")[0]
        for node in nodes
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    }
    libraries = {_LIBRARIES[name] for name in imported if name in _LIBRARIES}
    if not libraries:
        return None
    texts = frozenset(node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))
    names = {
        getattr(node, "id", getattr(node, "attr", "")) for node in nodes if isinstance(node, ast.Name | ast.Attribute)
    }
    return _Loader(path, min(libraries), texts, _LOADS_ALL in names, frozenset(_bound(module.tree)))


def _bound(tree: ast.Module) -> set[str]:
    """The names that an import of a library binds, and those of what is made with them."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in _LIBRARIES:
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            aliases = [alias for alias in node.names if alias.name.partition(".")[0] in _LIBRARIES]
            names |= {alias.asname or alias.name.partition(".")[0] for alias in aliases}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            used = {inner.id for inner in ast.walk(node.value) if isinstance(inner, ast.Name)}
            targets = {target.id for target in node.targets if isinstance(target, ast.Name)}
            names |= targets if used & names else set()
    return names


def _take_back(facts: Facts, loader: _Loader) -> None:
    """What a loader makes is known after all."""
    for entry in list(facts.unresolved):
        words = set(re.findall(r"\w+", entry.detail))
        if entry.kind in _TOLD and entry.place.rpartition(":")[0] == loader.path and words & loader.names:
            facts.unresolved.discard(entry)
