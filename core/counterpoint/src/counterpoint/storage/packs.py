"""Packs: the small files of an old run in one object, read by `Objects` as if they were separate files.

A separate file takes precedence over the one of its name in the pack, so an old run can still be written to. A pack is
put before the files that it holds are removed, so each of them can be found at any moment (docs/decisions/0061).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.storage import layout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.storage.objects import Objects


def members(objects: Objects, path: str) -> Mapping[str, Any]:
    """The values in the pack of the run to which a path belongs, by their paths below the root.

    Raises:
        DamagedFileError: The pack is damaged.
    """
    folder = layout.run_folder_of(path)
    if folder is None or path == layout.run_pack(folder):
        return {}
    packed = objects.get_json(layout.run_pack(folder)) or {"files": {}}
    return {layout.run_file(folder, name): value for name, value in packed["files"].items()}
