"""Locations of a root's objects, stored relative to the root, so that a copied or moved root refers only to itself.

A location is a string at the key `uri` of a JSON object that also has a `digest` (a reference), or a string that ends
with `/lineage.json`. The request of a run is stored without its root, and read as a request for the root in which it
lies. Older roots stored all of these as absolute: a location below another root is read as the same place below this
one, because a root's files never refer to another root.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from counterpoint.storage import layout

if TYPE_CHECKING:
    from collections.abc import Mapping

# the number of parts of an output's path below the root, by its first part
_PARTS = {layout.TABLES: 4, layout.ARTIFACTS: 6, layout.RUNS: 4}
ROOMS = tuple(_PARTS)
_LINEAGE = f"/{layout.LINEAGE}"


def relative(value: Any, root: str) -> Any:
    """A JSON value with its locations relative to the root."""
    if isinstance(value, dict):
        converted = {key: relative(inner, root) for key, inner in value.items()}
        return (
            converted
            | {key: converted[key].removeprefix(f"{root}/") for key in _keys(converted)}
            | _request(converted, "")
        )
    return [relative(inner, root) for inner in value] if isinstance(value, list | tuple) else value


def absolute(value: dict[str, Any], root: str) -> dict[str, Any]:
    """A stored JSON object, with its own locations (not those of nested objects) made absolute."""
    paths = {key: path for key in _keys(value) if (path := path_of(value[key], root, _rooms(value))) is not None}
    return value | {key: f"{root}/{path}" for key, path in paths.items()} | _request(value, root)


def path_of(location: str, root: str, rooms: tuple[str, ...] = ROOMS) -> str | None:
    """The path below the root of a location, also of one stored under another root; None if it is in no given room."""
    if location.startswith(f"{root}/"):
        return _inside(location.removeprefix(f"{root}/"))
    parts = location.split("/")
    for room in rooms:
        count = _PARTS[room]
        is_whole = len(parts) == count or location.startswith("/") or "://" in location
        if is_whole and len(parts) >= count and parts[-count] == room:
            return _inside("/".join(parts[-count:]))
    return None


def _inside(path: str) -> str | None:
    return None if {"", ".", ".."}.intersection(path.split("/")) else path


def _keys(value: Mapping[str, Any]) -> list[str]:
    """The keys of an object that hold locations."""
    keys = ["uri"] if isinstance(value.get("uri"), str) and "digest" in value else []
    lineage = value.get("lineage")
    return [*keys, "lineage"] if isinstance(lineage, str) and lineage.endswith(_LINEAGE) else keys


def _request(value: Mapping[str, Any], root: str) -> dict[str, str]:
    """The request that an object holds as text, with its root replaced; empty if it holds none."""
    text = value.get("request")
    if not isinstance(text, str) or not text.startswith("{"):
        return {}
    try:
        request = json.loads(text)
    except ValueError:
        return {}
    return {"request": json.dumps({**request, "root": root}, sort_keys=True)} if "root" in request else {}


def _rooms(value: Mapping[str, Any]) -> tuple[str, ...]:
    """The rooms in which an object's output may lie: only tables have versions; a mapped step's may be either."""
    if value.get("table_version") is not None:
        return (layout.TABLES,)
    return (layout.ARTIFACTS, layout.TABLES, layout.RUNS)
