"""An archive of skops with the same bytes for the same model: skops names its parts by addresses in memory."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any
from zipfile import ZIP_STORED, ZipFile, ZipInfo

_SCHEMA = "schema.json"
# an attribute of text vectorizers that holds the address of their stop words, to warn only once of them
_ADDRESS = "_stop_words_id"
_EPOCH = (1980, 1, 1, 0, 0, 0)


def canonical_archive(data: bytes) -> bytes:
    """The archive with its parts numbered in the order in which its schema mentions them, and without times."""
    with ZipFile(BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    ids: dict[int, int] = {}
    names: dict[str, str] = {}
    schema = _numbered(json.loads(parts.pop(_SCHEMA)), parts, ids, names)
    files = {names.get(name, name): part for name, part in parts.items()}
    files = {**dict(sorted(files.items())), _SCHEMA: json.dumps(schema).encode()}
    buffer = BytesIO()
    with ZipFile(buffer, "w", ZIP_STORED) as archive:
        for name, part in files.items():
            archive.writestr(ZipInfo(name, _EPOCH), part)
    return buffer.getvalue()


def _numbered(node: Any, parts: dict[str, bytes], ids: dict[int, int], names: dict[str, str]) -> Any:
    if isinstance(node, list):
        return [_numbered(inner, parts, ids, names) for inner in node]
    if not isinstance(node, dict):
        return node
    told: dict[str, Any] = {}
    for key, inner in _ordered(node).items():
        if key == "__id__" and isinstance(inner, int):
            # whether two equal numbers or words are one object in memory is a matter of chance
            if not node.get("is_json"):
                told[key] = ids.setdefault(inner, len(ids) + 1)
        elif key == _ADDRESS and isinstance(inner, dict):
            told[key] = {
                name: "null" if name == "content" else said for name, said in inner.items() if name != "__id__"
            }
        elif isinstance(inner, str) and inner in parts:
            told[key] = names.setdefault(inner, f"{len(names) + 1:04}.{inner.rpartition('.')[2]}")
        else:
            told[key] = _numbered(inner, parts, ids, names)
    return told


def _ordered(node: dict[str, Any]) -> dict[str, Any]:
    """A set with its elements in order; other nodes as they are."""
    if node.get("__loader__") != "SetNode":
        return node
    return {**node, "content": sorted(node["content"], key=lambda element: str(element.get("content")))}
