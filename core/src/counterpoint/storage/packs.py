"""The small files of a run in one object, once the run is old: read by `Objects` as if they still lay by themselves.

A file that lies by itself comes before the one of its name in the pack, so whoever writes to an old run is right. A
pack is put before the files that it holds are removed, so at every moment each can be found (docs/decisions/0061).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.storage.objects import Objects

# no step can have this name
PACK = "packed-run.json"
_DEPTH = 3


def folder_of(path: str) -> str | None:
    """The folder of the run to which a path below the root belongs, or which it is; None for others."""
    parts = path.split("/")
    return "/".join(parts[:_DEPTH]) if parts[0] == "runs" and len(parts) >= _DEPTH else None


def pack_path(folder: str) -> str:
    """Where the pack of a run lies."""
    return f"{folder}/{PACK}"


def members(objects: Objects, path: str) -> Mapping[str, Any]:
    """The values in the pack of the run to which a path belongs, by their paths below the root.

    Raises:
        DamagedFileError: the pack is damaged.
    """
    folder = folder_of(path)
    if folder is None or path == pack_path(folder):
        return {}
    packed = objects.get_json(pack_path(folder)) or {"files": {}}
    return {f"{folder}/{name}": value for name, value in packed["files"].items()}
