"""The small files of a run in one object, once the run is old: read by `Objects` as if they still lay by themselves.

A file that lies by itself comes before the one of its name in the pack, so whoever writes to an old run is right. A
pack is put before the files that it holds are removed, so at every moment each can be found (docs/decisions/0061).
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
        DamagedFileError: the pack is damaged.
    """
    folder = layout.run_folder_of(path)
    if folder is None or path == layout.run_pack(folder):
        return {}
    packed = objects.get_json(layout.run_pack(folder)) or {"files": {}}
    return {layout.run_file(folder, name): value for name, value in packed["files"].items()}
