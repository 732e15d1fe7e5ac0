"""The models, seeds and snapshots of a dbt project, from its manifest or else from its files."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory.yaml_values import load

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_REF = re.compile(r"\bref\(\s*['\"]([^'\"]+)['\"](?:\s*,\s*['\"]([^'\"]+)['\"])?")
_SOURCE = re.compile(r"\bsource\(\s*['\"]([^'\"]+)['\"]\s*,\s*['\"]([^'\"]+)['\"]")
_SNAPSHOT = re.compile(r"\{%-?\s*snapshot\s+(\w+)\s*-?%\}(.*?)\{%-?\s*endsnapshot\s*-?%\}", re.DOTALL)
_DISABLED = re.compile(r"\benabled\s*=\s*(?:False|false)\b")
_COMMENT = re.compile(r"\{#.*?#\}|--[^\n]*", re.DOTALL)
_KINDS = {"model": "run", "seed": "seed", "snapshot": "snapshot"}


@dataclass(slots=True)
class DbtNode:
    """A node of the project: `kind` is the command that makes it, `before` are the nodes that it rests on."""

    name: str
    kind: str
    before: set[str] = field(default_factory=set)
    tested: bool = False
    reads: set[str] = field(default_factory=set)
    writes: set[str] = field(default_factory=set)


def read_manifest(path: Path) -> list[DbtNode]:
    """The nodes of a manifest.

    Raises:
        ValueError: it is none, or cannot be read.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        entries, sources = document["nodes"], document.get("sources", {})
        return list(_of_manifest(entries, sources))
    except (OSError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"it is no manifest of dbt: {error!r}") from error


def _of_manifest(entries: dict[str, Any], sources: dict[str, Any]) -> Iterator[DbtNode]:
    tested = {
        target
        for entry in entries.values()
        if entry["resource_type"] == "test"
        for target in [entry.get("attached_node"), *entry.get("depends_on", {}).get("nodes", ())]
    }
    for key, entry in sorted(entries.items()):
        if entry["resource_type"] in _KINDS:
            before = entry.get("depends_on", {}).get("nodes", ())
            names = {entries[one]["name"] for one in before if one in entries and _makes(entries[one])}
            reads = {_relation(sources[one]) for one in before if one in sources}
            reads |= {_relation(entries[one]) for one in before if one in entries and _makes(entries[one])}
            kind = _KINDS[entry["resource_type"]]
            yield DbtNode(entry["name"], kind, names, key in tested, reads - {""}, {_relation(entry)} - {""})


def _makes(entry: dict[str, Any]) -> bool:
    return entry["resource_type"] in _KINDS


def _relation(entry: dict[str, Any]) -> str:
    """The table of a node or source as SQL names it, without its database."""
    table = entry.get("alias") or entry.get("identifier") or entry.get("name") or ""
    return f"{entry['schema']}.{table}" if entry.get("schema") and table else ""


def read_project(folder: Path) -> list[DbtNode]:
    """The nodes of a project without a manifest, from its files.

    Raises:
        ValueError: it is no project, or cannot be read.
    """
    try:
        project = load((folder / "dbt_project.yml").read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"it has no dbt_project.yml that can be read: {error.strerror}") from error
    if not isinstance(project, dict):
        raise ValueError("its dbt_project.yml holds no settings")  # noqa: TRY004 - of the text, as of the others
    nodes: dict[str, DbtNode] = {}
    for path in _files(folder, project, "model", "models", (".sql", ".py")):
        _add(nodes, path.stem, "run", _text(path))
    for path in _files(folder, project, "snapshot", "snapshots", (".sql",)):
        for match in _SNAPSHOT.finditer(_text(path)):
            _add(nodes, match[1], "snapshot", match[2])
    for path in _files(folder, project, "seed", "seeds", (".csv",)):
        nodes[path.stem] = DbtNode(path.stem, "seed")
    sources: dict[tuple[str, str], str] = {}
    for kind, default in (("model", "models"), ("seed", "seeds"), ("snapshot", "snapshots")):
        for path in _files(folder, project, kind, default, (".yml", ".yaml")):
            _properties(path, nodes, sources)
    for node in nodes.values():
        node.before &= nodes.keys()
        node.reads = {sources.get((source, table), f"{source}.{table}") for source, _, table in _split(node.reads)}
    return sorted(nodes.values(), key=lambda node: node.name)


def _split(names: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    return (name.partition(".") for name in names)


def _files(folder: Path, project: dict[str, Any], kind: str, default: str, endings: tuple[str, ...]) -> list[Path]:
    old = {"model": "source-paths", "seed": "data-paths"}.get(kind, "")
    given = project.get(f"{kind}-paths") or project.get(old) or [default]
    names = [str(name) for name in given] if isinstance(given, list) else [default]
    roots = [folder / name for name in names if not name.startswith("/") and ".." not in name]
    return sorted(path for root in roots for path in root.rglob("*") if path.suffix in endings and path.is_file())


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _add(nodes: dict[str, DbtNode], name: str, kind: str, text: str) -> None:
    code = _COMMENT.sub(" ", text)
    if _DISABLED.search(code):
        return
    before = {match[2] or match[1] for match in _REF.finditer(code)}
    nodes[name] = DbtNode(name, kind, before, reads={f"{one[1]}.{one[2]}" for one in _SOURCE.finditer(code)})


def _properties(path: Path, nodes: dict[str, DbtNode], sources: dict[tuple[str, str], str]) -> None:
    """Notes which nodes are tested and where sources lie, as a file of properties says."""
    try:
        document = load(_text(path))
    except ValueError:
        return
    if not isinstance(document, dict):
        return
    for section in ("models", "seeds", "snapshots"):
        for entry in _entries(document.get(section)):
            if entry.get("name") in nodes:
                columns = _entries(entry.get("columns"))
                nodes[entry["name"]].tested |= any(
                    one.get("tests") or one.get("data_tests") for one in (entry, *columns)
                )
    for source in _entries(document.get("sources")):
        schema = source.get("schema", source.get("name"))
        for table in _entries(source.get("tables")):
            name = table.get("name")
            sources[str(source.get("name")), str(name)] = f"{schema}.{table.get('identifier', name)}"


def _entries(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
