"""Small objects below the root, on a local disk or S3, each written completely or not at all."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.documents import parsed
from counterpoint.errors import DamagedFileError, DamagedOutputError, StorageError
from counterpoint.storage import layout
from counterpoint.storage.locations import ROOMS, absolute, path_of, relative
from counterpoint.storage.locks import locked
from counterpoint.storage.packs import members
from counterpoint.storage.roots import checked_root

if TYPE_CHECKING:
    import builtins
    from collections.abc import Iterator

# errors that a retry does not fix; libraries report them only by the system's text
_LASTING = tuple(map(os.strerror, (errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EACCES, errno.EPERM)))


@contextmanager
def guarded(place: str) -> Iterator[None]:
    """Turns an error of a storage library into a StorageError that names the place and the fix."""
    try:
        yield
    except Exception as error:
        if not isinstance(error, (OSError, *_raised_by_libraries())):
            raise
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        storage_error = StorageError(
            f"{place} cannot be read or written: {reason}; check that it exists, has room and is yours to write,"
            " or choose another --root"
        )
        if any(word in str(error) for word in _LASTING):
            storage_error.failure = "bad_configuration"
        raise storage_error from error


def _raised_by_libraries() -> tuple[type[Exception], ...]:
    """The errors of the storage libraries; imported only after a failure, because most steps write no table."""
    from deltalake.exceptions import DeltaError
    from obstore.exceptions import BaseError
    from polars.exceptions import ComputeError

    return DeltaError, BaseError, ComputeError


@dataclass(frozen=True, slots=True)
class Found:
    """An object as it was read, and the remote store's entity tag of that state."""

    data: bytes
    e_tag: str | None = field(default=None, compare=False)


class Objects:
    """The objects of one root.

    Raises:
        StorageError: The root is no place for data; see `checked_root`.
    """

    def __init__(self, root: str) -> None:
        self.root = checked_root(root)
        self._opened: Any = None

    @property
    def is_local(self) -> bool:
        """Whether the root is a folder."""
        return "://" not in self.root

    def uri(self, path: str) -> str:
        """The absolute location of a path below the root."""
        return f"{self.root}/{path}"

    def path(self, uri: str, *rooms: str) -> str:
        """The path below the root of a location, also of one that was stored when the root lay elsewhere.

        Args:
            uri: The location.
            rooms: The first parts that the path may have; any of an output by default.

        Raises:
            DamagedOutputError: It lies outside of the root.
        """
        path = path_of(uri, self.root, rooms or ROOMS)
        if path is None:
            raise DamagedOutputError(uri, f"does not lie below {self.root}")
        return path

    def _store(self) -> Any:
        if self._opened is None:
            from obstore.store import LocalStore, from_url

            self._opened = LocalStore(self.root, mkdir=True) if self.is_local else from_url(self.root)
        return self._opened

    def put(self, path: str, data: bytes) -> None:
        """Writes an object; a reader sees either the old one or this one.

        Raises:
            StorageError: The root cannot be written.
        """
        import obstore

        with guarded(self.uri(path)):
            obstore.put(self._store(), path, data, use_multipart=False)

    def put_among_swaps(self, path: str, data: bytes) -> None:
        """Writes an object that others may `compare_and_swap`, but never between their comparison and their swap.

        Raises:
            StorageError: The root cannot be written.
        """
        with self._lock(path, fcntl.LOCK_SH):
            self.put(path, data)

    def compare_and_swap(self, path: str, data: bytes, old: Found | None) -> bool:
        """Replaces the object that was found before (None: no object); False when it has changed since.

        Raises:
            StorageError: The root cannot be written.
        """
        if not self.is_local:
            return self._swap_remote(path, data, old)
        # a file system has no conditional put: a lock is held during the comparison and the put
        with self._lock(path, fcntl.LOCK_EX):
            is_same = self.find(path) == old
            if is_same:
                self.put(path, data)
            return is_same

    def _swap_remote(self, path: str, data: bytes, old: Found | None) -> bool:
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        # an object that was found in a pack is no object of its own yet
        mode: Any = "create" if old is None or old.e_tag is None else {"e_tag": old.e_tag}
        with guarded(self.uri(path)):
            try:
                obstore.put(self._store(), path, data, mode=mode, use_multipart=False)
            except (AlreadyExistsError, PreconditionError):
                # the put may also have succeeded, its answer been lost, and the library's retry met the first put
                return self.get(path) == data
        return True

    @contextmanager
    def _lock(self, path: str, how: int) -> Iterator[None]:
        if not self.is_local:
            yield
            return
        place = Path(self.root, layout.LOCK)
        with guarded(self.uri(path)):
            place.parent.mkdir(parents=True, exist_ok=True)
            lock = place.open("a", encoding="ascii")
        with lock, locked(lock, how):
            yield

    def find(self, path: str) -> Found | None:
        """The object at a path as `compare_and_swap` needs it, or None; also one in the pack of its run.

        Raises:
            StorageError: The root cannot be read.
        """
        return self._find(path) or self._packed(path)

    def _packed(self, path: str) -> Found | None:
        packed = members(self, path)
        return Found(json_bytes(packed[path])) if path in packed else None

    def _find(self, path: str) -> Found | None:
        import obstore

        if self.is_local and not Path(self.uri(path)).is_file():
            return None
        with guarded(self.uri(path)):
            try:
                response = obstore.get(self._store(), path)
                return Found(bytes(response.bytes()), response.meta["e_tag"])
            except FileNotFoundError:
                return None

    def get(self, path: str) -> bytes | None:
        """The object at a path, or None.

        Raises:
            StorageError: The root cannot be read.
        """
        stored = self.find(path)
        return None if stored is None else stored.data

    def get_or_raise(self, path: str) -> bytes:
        """The object at a path that must exist.

        Raises:
            DamagedOutputError: It no longer exists.
            StorageError: The root cannot be read.
        """
        data = self.get(path)
        if data is None:
            raise DamagedOutputError(self.uri(path), "is gone")
        return data

    def exists(self, path: str) -> bool:
        """Whether there is an object at a path; it is not read.

        Raises:
            StorageError: The root cannot be read.
        """
        import obstore

        with guarded(self.uri(path)):
            if self.is_local:
                return Path(self.uri(path)).exists() or path in members(self, path)
            try:
                obstore.head(self._store(), path)
            except FileNotFoundError:
                return path in members(self, path)
            return True

    def sizes(self, prefix: str) -> dict[str, int]:
        """The sizes in bytes of all objects below a folder, by path; for a run's folder also those in its pack.

        Raises:
            StorageError: The root cannot be read.
        """
        packed = members(self, prefix) if layout.run_folder_of(prefix) == prefix else {}
        return {path: len(json_bytes(value)) for path, value in packed.items()} | self.sizes_apart(prefix)

    def sizes_apart(self, prefix: str) -> dict[str, int]:
        """The sizes in bytes of all objects below a folder that are in no pack, by path.

        Raises:
            StorageError: The root cannot be read.
        """
        import obstore

        if self.is_local and not Path(self.uri(prefix)).is_dir():
            return {}
        with guarded(self.uri(prefix)):
            return {entry["path"]: entry["size"] for batch in obstore.list(self._store(), prefix) for entry in batch}

    def delete(self, path: str) -> None:
        """Removes an object, if it exists.

        Raises:
            StorageError: The root cannot be written.
        """
        import obstore

        with guarded(self.uri(path)), suppress(FileNotFoundError):
            obstore.delete(self._store(), path)

    def delete_folder(self, folder: str) -> None:
        """Removes all objects below a folder.

        Raises:
            StorageError: The root cannot be written.
        """
        import obstore

        with guarded(self.uri(folder)):
            if self.is_local and Path(self.uri(folder)).is_dir():
                shutil.rmtree(self.uri(folder))
            elif not self.is_local and (paths := self.list(folder)):
                obstore.delete(self._store(), paths)

    def delete_empty(self, folder: str) -> None:
        """Removes a folder that holds no files, with its subfolders; a bucket has no folders."""
        if not self.is_local:
            return
        place = Path(self.uri(folder))
        for empty in [*sorted((path for path in place.rglob("*") if path.is_dir()), reverse=True), place]:
            with suppress(OSError):
                empty.rmdir()

    def folders(self, prefix: str) -> builtins.list[str]:
        """The names of the folders in a folder, sorted."""
        import obstore

        if self.is_local and not Path(self.uri(prefix)).is_dir():
            return []
        with guarded(self.uri(prefix)):
            prefixes = obstore.list_with_delimiter(self._store(), prefix)["common_prefixes"]
        return sorted(path.rpartition("/")[2] for path in prefixes)

    def list(self, prefix: str) -> list[str]:
        """The paths of all objects below a folder, sorted."""
        return sorted(self.sizes(prefix))

    def put_json(self, path: str, value: Any) -> None:
        """Writes a JSON value; locations below the root are stored relative to it."""
        self.put(path, self.encoded(value))

    def encoded(self, value: Any) -> bytes:
        """A JSON value as `parsed` reads it."""
        return json_bytes(relative(value, self.root))

    def get_json(self, path: str) -> Any:
        """The JSON value at a path, or None.

        Raises:
            StorageError: The root cannot be read, or the object is no such JSON value.
        """
        data = self.get(path)
        return None if data is None else self.parsed(path, data)

    def parsed(self, path: str, data: bytes) -> Any:
        """The JSON value of data that was read at a path.

        Raises:
            DamagedFileError: It is no JSON, or not what such a file holds.
        """
        from counterpoint.storage.shapes import problem

        try:
            value = parsed(data, is_strict=False, each=lambda inner: absolute(inner, self.root))
        except ValueError as error:
            raise DamagedFileError(path, self.root, f"no JSON: {error}") from error
        reason = problem(path, value)
        if reason:
            raise DamagedFileError(path, self.root, reason)
        return value


def json_bytes(value: Any) -> bytes:
    """A JSON value as it is stored."""
    return json.dumps(value, sort_keys=True, default=str).encode()
