"""Checking that the files of outputs exist, by name and size only: each folder is listed once, no file is read."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from counterpoint.errors import DamagedOutputError
from counterpoint.model import OutputKind
from counterpoint.storage import layout
from counterpoint.storage.damage import LOG
from counterpoint.storage.tables import files_of, opened, partition_files

if TYPE_CHECKING:
    from counterpoint.model import ArtifactRef
    from counterpoint.storage.store import Store


class Inventory:
    """The files of a store as they were at their first lookup."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._sizes: dict[str, dict[str, int]] = {}
        self._newest: dict[str, dict[str | None, list[tuple[str, int]]]] = {}

    def lacks(self, reference: ArtifactRef) -> DamagedOutputError | None:
        """The first file of a referenced output that is missing or of another size, or None.

        Raises:
            StorageError: The root cannot be read.
        """
        if not reference.uri:
            return None
        try:
            if reference.kind == OutputKind.TABLE:
                return self._of_table(reference)
            return self._of_files(reference)
        except DamagedOutputError as damage:
            return damage

    def _of_files(self, reference: ArtifactRef) -> DamagedOutputError | None:
        folder = self._store.path(reference.uri, layout.ARTIFACTS)
        sizes = self._of_folder(layout.artifacts_folder_of(folder))
        is_model = reference.kind == OutputKind.MODEL
        paths = [layout.artifact_file(folder, layout.MODEL if is_model else layout.VALUE)]
        if is_model:
            beside = (paths[0], layout.artifact_file(folder, layout.LINEAGE))
            paths += [path for path in sizes if path.startswith(f"{folder}/") and path not in beside]
        if paths[0] not in sizes:
            return DamagedOutputError(self._store.uri(paths[0]), "is gone")
        size = sum(sizes[path] for path in paths)
        if size == reference.bytes:
            return None
        if is_model:
            # names the file that is lost, or the first that is not what was written
            self._store.model_files(reference)
        return DamagedOutputError(self._store.uri(folder), f"has {size} bytes, not the {reference.bytes} written")

    def _of_table(self, reference: ArtifactRef) -> DamagedOutputError | None:
        place, column = self._store.place(reference), self._store.column_of(reference.step)
        newest = self._in_newest(place, column).get(reference.partition if column else None, [])
        if sum(size for _, size in newest) == reference.bytes and not self._first_lost(place, newest):
            return None
        files = partition_files(opened(place, reference.table_version), column, reference.partition)
        total = sum(size for _, size in files)
        if total != reference.bytes:
            return DamagedOutputError(f"{place}/{LOG}", f"tells of {total} bytes, not the {reference.bytes} written")
        return self._first_lost(place, files)

    def _in_newest(self, place: str, column: str | None) -> dict[str | None, list[tuple[str, int]]]:
        """The files of each partition in the newest version of a table."""
        if place not in self._newest:
            listed = files_of(opened(place, None))
            keys = listed[f"partition.{column}"].to_list() if column and listed.height else [None] * listed.height
            files: dict[str | None, list[tuple[str, int]]] = defaultdict(list)
            for key, path, size in zip(keys, listed["path"].to_list(), listed["size_bytes"].to_list(), strict=True):
                files[key].append((path, size))
            self._newest[place] = files
        return self._newest[place]

    def _first_lost(self, place: str, files: list[tuple[str, int]]) -> DamagedOutputError | None:
        folder = self._store.path(place, layout.TABLES)
        sizes = self._of_folder(folder)
        for path, size in files:
            actual = sizes.get(f"{folder}/{path}")
            if actual is None:
                return DamagedOutputError(f"{place}/{path}", "is gone")
            if actual != size:
                return DamagedOutputError(f"{place}/{path}", f"has {actual} bytes, not the {size} that were written")
        return None

    def _of_folder(self, folder: str) -> dict[str, int]:
        if folder not in self._sizes:
            self._sizes[folder] = self._store.sizes(folder)
        return self._sizes[folder]
