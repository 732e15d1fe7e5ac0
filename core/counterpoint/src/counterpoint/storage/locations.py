"""Locations of what a root holds: stored relative to the root, so that a copied or moved root refers to itself alone.

A location is a string at the key `uri` of a JSON object that also has a `digest` (a reference), or one that ends with
`/lineage.json`; the request of a run names no root at all, and is read as one for the root where it lies. Older roots
stored all of these absolute: what has the form of a location below some other root is taken as the same place below
this one, for nothing was ever written elsewhere.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from counterpoint.storage import layout

if TYPE_CHECKING:
    from collections.abc import Mapping

# how many parts the path of an output has below the root, by its first part
_PARTS = {layout.TABLES: 4, layout.ARTIFACTS: 6, layout.RUNS: 4}
ROOMS = tuple(_PARTS)
_LINEAGE = f"/{layout.LINEAGE}"


def relative(value: Any, root: str) -> Any:
    """A JSON value with its locations relative to the root."""
    if isinstance(value, dict):
        told = {key: relative(inner, root) for key, inner in value.items()}
        return told | {key: told[key].removeprefix(f"{root}/") for key in _keys(told)} | _request(told, "")
    return [relative(inner, root) for inner in value] if isinstance(value, list | tuple) else value


def absolute(value: dict[str, Any], root: str) -> dict[str, Any]:
    """A JSON object as it was stored, with the locations that it holds itself below the root."""
    paths = {key: path for key in _keys(value) if (path := path_of(value[key], root, _rooms(value))) is not None}
    return value | {key: f"{root}/{path}" for key, path in paths.items()} | _request(value, root)


def path_of(location: str, root: str, rooms: tuple[str, ...] = ROOMS) -> str | None:
    """The path below the root of a location in one of some rooms, wherever its root was; None when it is none."""
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
    """The keys of an object at which locations stand."""
    found = ["uri"] if isinstance(value.get("uri"), str) and "digest" in value else []
    lineage = value.get("lineage")
    return [*found, "lineage"] if isinstance(lineage, str) and lineage.endswith(_LINEAGE) else found


def _request(value: Mapping[str, Any], root: str) -> dict[str, str]:
    """The request that an object holds as text, for another root; nothing where it holds none."""
    text = value.get("request")
    if not isinstance(text, str) or not text.startswith("{"):
        return {}
    try:
        asked = json.loads(text)
    except ValueError:
        return {}
    return {"request": json.dumps({**asked, "root": root}, sort_keys=True)} if "root" in asked else {}


def _rooms(value: Mapping[str, Any]) -> tuple[str, ...]:
    """Where what an object refers to may lie: only tables have versions, and a mapped step's output may be either."""
    if value.get("table_version") is not None:
        return (layout.TABLES,)
    return (layout.ARTIFACTS, layout.TABLES, layout.RUNS)
