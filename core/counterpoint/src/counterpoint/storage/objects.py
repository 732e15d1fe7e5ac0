"""Small objects below the root, on a local disk or S3, each put in place whole or not at all."""

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

# what another attempt does not heal; libraries tell it in the system's words only
_LASTING = tuple(map(os.strerror, (errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EACCES, errno.EPERM)))


@contextmanager
def guarded(place: str) -> Iterator[None]:
    """Turns whatever a storage library raises into a StorageError that names the place and the fix."""
    try:
        yield
    except Exception as error:
        if not isinstance(error, (OSError, *_raised_by_libraries())):
            raise
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        found = StorageError(
            f"{place} cannot be read or written: {reason}; check that it exists, has room and is yours to write,"
            " or choose another --root"
        )
        if any(word in str(error) for word in _LASTING):
            found.failure = "bad_configuration"
        raise found from error


def _raised_by_libraries() -> tuple[type[Exception], ...]:
    """The errors of the storage libraries; imported after a failure only, for most steps write no table."""
    from deltalake.exceptions import DeltaError
    from obstore.exceptions import BaseError
    from polars.exceptions import ComputeError

    return DeltaError, BaseError, ComputeError


@dataclass(frozen=True, slots=True)
class Found:
    """An object as it was read, and the name that a remote store has for that state of it."""

    data: bytes
    e_tag: str | None = field(default=None, compare=False)


class Objects:
    """The objects of one root.

    Raises:
        StorageError: no data can lie there; see `checked_root`.
    """

    def __init__(self, root: str) -> None:
        self.root = checked_root(root)
        self._opened: Any = None

    @property
    def is_local(self) -> bool:
        """Whether the root is a folder."""
        return "://" not in self.root

    def uri(self, path: str) -> str:
        """Where a path of the root lies."""
        return f"{self.root}/{path}"

    def path(self, uri: str, *rooms: str) -> str:
        """The path below the root of a location: one that `uri` made, or that was stored when the root lay elsewhere.

        `rooms` are the first parts that the path may have then, by default any.

        Raises:
            DamagedOutputError: it lies outside of the root.
        """
        found = path_of(uri, self.root, rooms or ROOMS)
        if found is None:
            raise DamagedOutputError(uri, f"does not lie below {self.root}")
        return found

    def _store(self) -> Any:
        if self._opened is None:
            from obstore.store import LocalStore, from_url

            self._opened = LocalStore(self.root, mkdir=True) if self.is_local else from_url(self.root)
        return self._opened

    def put(self, path: str, data: bytes) -> None:
        """Puts an object in place; a reader sees the old one or this one.

        Raises:
            StorageError: the root cannot be written.
        """
        import obstore

        with guarded(self.uri(path)):
            obstore.put(self._store(), path, data, use_multipart=False)

    def put_among_swaps(self, path: str, data: bytes) -> None:
        """Puts an object in place that others may `swap`: never between the look and the put of one of them.

        Raises:
            StorageError: the root cannot be written.
        """
        with self._lock(path, fcntl.LOCK_SH):
            self.put(path, data)

    def compare_and_swap(self, path: str, data: bytes, old: Found | None) -> bool:
        """Puts an object in place of the one found before (None: of none); False when another one is there by now.

        Raises:
            StorageError: the root cannot be written.
        """
        if not self.is_local:
            return self._swap_there(path, data, old)
        # a folder knows no conditional put: who looks and puts is alone, until it is done or killed
        with self._lock(path, fcntl.LOCK_EX):
            is_same = self.find(path) == old
            if is_same:
                self.put(path, data)
            return is_same

    def _swap_there(self, path: str, data: bytes, old: Found | None) -> bool:
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        # what was found in a pack does not lie by itself yet
        mode: Any = "create" if old is None or old.e_tag is None else {"e_tag": old.e_tag}
        with guarded(self.uri(path)):
            try:
                obstore.put(self._store(), path, data, mode=mode, use_multipart=False)
            except (AlreadyExistsError, PreconditionError):
                # or it was put, its answer was lost, and the library's second try found the first
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
        """The object at a path, to be swapped, or None; also one that lies in the pack of its run.

        Raises:
            StorageError: the root cannot be read.
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
                got = obstore.get(self._store(), path)
                return Found(bytes(got.bytes()), got.meta["e_tag"])
            except FileNotFoundError:
                return None

    def get(self, path: str) -> bytes | None:
        """The object at a path, or None.

        Raises:
            StorageError: the root cannot be read.
        """
        found = self.find(path)
        return None if found is None else found.data

    def get_or_raise(self, path: str) -> bytes:
        """The object at a path that refers to something.

        Raises:
            DamagedOutputError: it is not there any more.
            StorageError: the root cannot be read.
        """
        found = self.get(path)
        if found is None:
            raise DamagedOutputError(self.uri(path), "is gone")
        return found

    def exists(self, path: str) -> bool:
        """Whether there is an object at a path; nothing of it is read.

        Raises:
            StorageError: the root cannot be read.
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
        """The sizes in bytes of all objects below a folder, by path; of one run also of those in its pack.

        Raises:
            StorageError: the root cannot be read.
        """
        packed = members(self, prefix) if layout.run_folder_of(prefix) == prefix else {}
        return {path: len(json_bytes(value)) for path, value in packed.items()} | self.sizes_apart(prefix)

    def sizes_apart(self, prefix: str) -> dict[str, int]:
        """The sizes in bytes of all objects that lie by themselves below a folder, by path.

        Raises:
            StorageError: the root cannot be read.
        """
        import obstore

        if self.is_local and not Path(self.uri(prefix)).is_dir():
            return {}
        with guarded(self.uri(prefix)):
            return {found["path"]: found["size"] for batch in obstore.list(self._store(), prefix) for found in batch}

    def delete(self, path: str) -> None:
        """Removes an object, if it is there.

        Raises:
            StorageError: the root cannot be written.
        """
        import obstore

        with guarded(self.uri(path)), suppress(FileNotFoundError):
            obstore.delete(self._store(), path)

    def delete_folder(self, folder: str) -> None:
        """Removes all objects below a folder.

        Raises:
            StorageError: the root cannot be written.
        """
        import obstore

        with guarded(self.uri(folder)):
            if self.is_local and Path(self.uri(folder)).is_dir():
                shutil.rmtree(self.uri(folder))
            elif not self.is_local and (paths := self.list(folder)):
                obstore.delete(self._store(), paths)

    def delete_empty(self, folder: str) -> None:
        """Removes a folder in which nothing is left; a bucket has no folders."""
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
            found = obstore.list_with_delimiter(self._store(), prefix)["common_prefixes"]
        return sorted(path.rpartition("/")[2] for path in found)

    def list(self, prefix: str) -> list[str]:
        """The paths of all objects below a folder, sorted."""
        return sorted(self.sizes(prefix))

    def put_json(self, path: str, value: Any) -> None:
        """Puts a JSON value in place; locations below the root are stored relative to it."""
        self.put(path, self.encoded(value))

    def encoded(self, value: Any) -> bytes:
        """A JSON value as `parsed` reads it."""
        return json_bytes(relative(value, self.root))

    def get_json(self, path: str) -> Any:
        """The JSON value at a path, or None.

        Raises:
            StorageError: the root cannot be read, or something else was put there.
        """
        data = self.get(path)
        return None if data is None else self.parsed(path, data)

    def parsed(self, path: str, data: bytes) -> Any:
        """The JSON value that was read at a path.

        Raises:
            DamagedFileError: it is no JSON, or not what such a file holds.
        """
        from counterpoint.storage.shapes import problem

        try:
            value = parsed(data, is_strict=False, each=lambda one: absolute(one, self.root))
        except ValueError as error:
            raise DamagedFileError(path, self.root, f"no JSON: {error}") from error
        reason = problem(path, value)
        if reason:
            raise DamagedFileError(path, self.root, reason)
        return value


def json_bytes(value: Any) -> bytes:
    """A JSON value as it is stored."""
    return json.dumps(value, sort_keys=True, default=str).encode()
